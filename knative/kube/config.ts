import { isIPv6 } from 'node:net'

/** Where a kubeconfig may be named, and what a pod is told about its API server. */
export interface KubeEnvironment {
  /** Whether the environment names a kubeconfig. */
  readonly namesKubeconfig: boolean
  /** The URL of the API server of the cluster whose pod this is; undefined outside a pod. */
  readonly inClusterServer: string | undefined
}

/** Reads what Kubernetes tells every pod, and what a user sets for kubectl. */
export function readKubeEnvironment(environment = process.env): KubeEnvironment {
  const host = environment['KUBERNETES_SERVICE_HOST'] || undefined
  const port = environment['KUBERNETES_SERVICE_PORT'] || '443'
  return {
    namesKubeconfig: Boolean(environment['KUBECONFIG']),
    inClusterServer: host === undefined ? undefined : `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
  }
}
