import { KubeError, type Kube, type Tunnel } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { Condition, KubeObject } from '../../../knative/kube/object.ts'

/** Pods that serve the same, and their port. */
export interface PodSet {
  readonly what: string
  readonly namespace: string
  /** As kubectl's `-l`. */
  readonly labels: string
  readonly port: number
  /** What to do when none of them is ready. */
  readonly fix: string
}

/** Forwards to every listener; starts one that is scaled to zero. */
export const ACTIVATOR: PodSet = {
  what: "Knative's activator",
  namespace: 'knative-serving',
  labels: 'app=activator',
  port: 8012,
  fix: 'install Knative Serving, or see what is wrong there with: kubectl get pods -n knative-serving',
}

/** The NATS of the installation. */
export const NATS: PodSet = {
  what: "Jobico's NATS",
  namespace: 'jobico-system',
  labels: 'app.kubernetes.io/name=nats',
  port: 4222,
  fix: 'install Jobico with kubectl apply -k knative/install, or see what is wrong there with: kubectl get pods -n jobico-system',
}

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] }
}

/** Port-forwards through the API server, so that a user needs no access to the cluster's network. */
export interface Tunnels {
  /**
   * Opens at most `most` local ports on 127.0.0.1, one for each ready pod. If no pod is ready, throws an Error that names the
   * fix.
   */
  to(pods: PodSet, most?: number): Promise<readonly number[]>
  close(): Promise<void>
}

/** The tunnels of one command, which has to close them. */
export function createTunnels(kube: Kube): Tunnels {
  const open: Tunnel[] = []
  return {
    async to(pods, most = Infinity) {
      try {
        const names = (await readyPods(kube, pods)).slice(0, most)
        const made = await Promise.all(names.map((name) => kube.tunnel({ ...pods, name }, pods.port)))
        open.push(...made)
        return made.map(({ port }) => port)
      } catch (fault) {
        throw explained(fault, pods)
      }
    },
    async close() {
      await Promise.all(open.splice(0).map((tunnel) => tunnel.close()))
    },
  }
}

async function readyPods(kube: Kube, { what, namespace, labels, fix }: PodSet): Promise<string[]> {
  const { items } = await kube.list<Pod>(KINDS.pod, { namespace, labels })
  const ready = items.filter(isReady).map(({ metadata }) => metadata.name)
  if (ready.length > 0) return ready
  const found = items.length === 0 ? 'is not there' : 'has no pod that is ready'
  throw new Error(`${what} ${found}, in the namespace ${namespace}; ${fix}`)
}

function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true
  )
}

function explained(fault: unknown, { what, namespace }: PodSet): unknown {
  if (!(fault instanceof KubeError) || fault.reason !== 'Forbidden') return fault
  return new Error(
    `you may not open a port-forward to ${what}: ${fault.message}; ask whoever runs the cluster for the right to list pods and to use pods/portforward in the namespace ${namespace}`,
    { cause: fault },
  )
}
