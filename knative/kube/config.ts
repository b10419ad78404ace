import { isIPv6 } from 'node:net'

/** What the environment says about the API server to use. */
export interface KubeEnvironment {
  /** Whether KUBECONFIG is set. */
  readonly namesKubeconfig: boolean
  /** The URL of the API server of the cluster that this pod runs in; undefined outside a pod. */
  readonly inClusterServer: string | undefined
}

/** Reads the variables that Kubernetes sets in every pod, and the one that users set for kubectl. */
export function readKubeEnvironment(environment = process.env): KubeEnvironment {
  const host = environment['KUBERNETES_SERVICE_HOST'] || undefined
  const port = environment['KUBERNETES_SERVICE_PORT'] || '443'
  return {
    namesKubeconfig: Boolean(environment['KUBECONFIG']),
    inClusterServer: host === undefined ? undefined : `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
  }
}
