import type { Access } from './access.ts'
import { createCaller } from './call.ts'
import type { Kube, RequestInfo } from './client.ts'
import { readKubeEnvironment } from './config.ts'
import { discovery } from './discovery.ts'
import { tunneller } from './forward.ts'
import { inClusterAccess } from './in-cluster.ts'
import { reader } from './read.ts'
import { writer } from './write.ts'

export type { RequestInfo } from './client.ts'

/** How to reach an API server, and whom to tell about each request. */
export interface ConnectOptions {
  /** Of the kubeconfig; its current one by default. */
  readonly context?: string | undefined
  /** The context's by default. */
  readonly namespace?: string | undefined
  /** The path of a kubeconfig; by default as kubectl finds it, and in a pod its service account. */
  readonly kubeconfig?: string | undefined
  readonly onRequest?: (request: RequestInfo) => void
}

/**
 * Makes a client, which asks the API server nothing yet. Throws a KubeError with reason NoCluster that says what to do when
 * neither a kubeconfig nor a service account leads to one.
 */
export async function connectKube(options: ConnectOptions = {}): Promise<Kube> {
  const { namespace, onRequest = () => undefined } = options
  const caller = createCaller(await accessFor(options), { namespace, onRequest })
  return {
    namespace: caller.namespace,
    place: caller.access.place,
    ...reader(caller),
    ...writer(caller),
    findKind: discovery(caller),
    tunnel: tunneller(caller),
  }
}

async function accessFor({ kubeconfig, context }: ConnectOptions): Promise<Access> {
  const { namesKubeconfig, inClusterServer } = readKubeEnvironment()
  const chosen = kubeconfig !== undefined || context !== undefined || namesKubeconfig
  const inCluster =
    chosen || inClusterServer === undefined ? undefined : await inClusterAccess(inClusterServer)
  if (inCluster !== undefined) return inCluster
  // The library is large, and who runs in the cluster does not need it.
  const { kubeconfigAccess } = await import('./kubeconfig.ts')
  return kubeconfigAccess({ kubeconfig, context })
}
