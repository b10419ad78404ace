import type { Kube } from './client.ts'

/** How to reach an API server, and whom to tell about each request. */
export interface ConnectOptions {
  /** Of the kubeconfig; its current one by default. */
  readonly context?: string
  /** The context's by default. */
  readonly namespace?: string
  /** The path of a kubeconfig; by default as kubectl finds it, and in a pod its service account. */
  readonly kubeconfig?: string
  readonly onRequest?: (request: RequestInfo) => void
}

/** A request that has ended. */
export interface RequestInfo {
  readonly verb: 'get' | 'list' | 'watch' | 'apply' | 'create' | 'replace' | 'patch' | 'remove' | 'discover'
  /** The kind's name, such as Job. */
  readonly kind: string
  /** The HTTP status, 0 where no answer came. */
  readonly status: number
}

/** Makes a client. Throws a KubeError with reason Unreachable that says what to do when it finds no cluster; asks it nothing yet. */
export declare function connectKube(options?: ConnectOptions): Promise<Kube>
