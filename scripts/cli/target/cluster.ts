import type { Job } from '../../../crds/job.ts'
import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { connectKube } from '../../../knative/kube/connect.ts'
import type { Address } from './address.ts'
import { listJobs } from './jobs.ts'
import { findRevision } from './listener.ts'
import { natsAccess } from './nats-access.ts'
import type { ClusterOptions, PlatformSides } from './target.ts'
import { ACTIVATOR, createTunnels } from './tunnels.ts'

/** A namespace of a cluster. */
export interface ClusterTarget extends PlatformSides {
  readonly kind: 'cluster'
  readonly kube: Kube
  readonly namespace: string
  /** The Jobs of the namespace. */
  jobs(): Promise<readonly Job[]>
}

/** How long a listener that is scaled to zero may take to start and answer. */
const COLD_START_MS = 60_000

/**
 * Connects to the namespace that the options name, by default that of the current kubeconfig context. If there is no cluster,
 * throws an Error that names the fix; with `soughtDev` it also says how to start a `jobico dev`.
 */
export async function clusterTarget(options: ClusterOptions, soughtDev: boolean): Promise<ClusterTarget> {
  const kube = await connect(options, soughtDev)
  const { namespace } = kube
  const tunnels = createTunnels(kube)
  const jobs = () => listJobs(kube, namespace)
  const access = natsAccess(kube, tunnels)
  return {
    kind: 'cluster',
    kube,
    namespace,
    place: `the namespace ${namespace} of ${kube.place}`,
    jobs,
    listener: async (event) => {
      const revision = await findRevision(kube, event, jobs)
      const [port = 0] = await tunnels.to(ACTIVATOR, 1)
      return address({ namespace, event, revision, port })
    },
    nats: (of = namespace) => access.nats(of),
    holds: (ref) => ref.namespace === namespace,
    events: async () =>
      (await jobs()).flatMap(({ metadata, spec }) =>
        spec.events.map(({ name }) => ({ namespace, job: metadata.name, event: name })),
      ),
    async close() {
      await access.close()
      await tunnels.close()
    },
  }
}

async function connect(options: ClusterOptions, soughtDev: boolean): Promise<Kube> {
  try {
    return await connectKube(options)
  } catch (fault) {
    if (!soughtDev || !(fault instanceof KubeError) || fault.reason !== 'NoCluster') throw fault
    throw new Error(
      `no jobico dev runs in this folder or above it; start one with "jobico dev", or name a cluster with --context: ${fault.message}`,
      { cause: fault },
    )
  }
}

interface ListenerRoute {
  readonly namespace: string
  readonly event: string
  readonly revision: string
  readonly port: number
}

function address({ namespace, event, revision, port }: ListenerRoute): Address {
  return {
    url: `http://127.0.0.1:${port}/listener/${event}`,
    headers: {
      'knative-serving-namespace': namespace,
      'knative-serving-revision': revision,
    },
    name: `the listener of ${event} in the namespace ${namespace}`,
    timeoutMs: COLD_START_MS,
    hint: `see what its pods do with: kubectl get pods -n ${namespace} -l event=${event}`,
  }
}
