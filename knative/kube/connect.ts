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

/** How to reach an API server, and a hook for its requests. */
export interface ConnectOptions {
  /** A context of the kubeconfig; the current one by default. */
  readonly context?: string | undefined
  /** The default namespace; the context's if left out. */
  readonly namespace?: string | undefined
  /** The path of a kubeconfig. By default the one that kubectl would use, or in a pod its service account. */
  readonly kubeconfig?: string | undefined
  /** Called for each request that was answered or has failed. */
  readonly onRequest?: (request: RequestInfo) => void
}

/**
 * Makes a client, without a request to the API server yet. Throws a KubeError with the reason NoCluster, which names the
 * fix, when there is neither a kubeconfig nor a service account.
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
  // Imported only here: the library is large, and processes in the cluster do not need it.
  const { kubeconfigAccess } = await import('./kubeconfig.ts')
  return kubeconfigAccess({ kubeconfig, context })
}
