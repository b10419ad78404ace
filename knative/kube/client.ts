import type { Kind } from './kinds.ts'
import type { KubeObject, ObjectName } from './object.ts'

/** Which objects to list or to watch. */
export interface Selection {
  /** All namespaces by default. */
  readonly namespace?: string
  /** A label selector, as for `kubectl -l`. */
  readonly labels?: string
  /** Asks the API server for the metadata alone. */
  readonly metadataOnly?: boolean
}

/** What to watch, from which version on, until the signal aborts. */
export interface WatchSelection extends Selection {
  readonly resourceVersion: string
  readonly signal: AbortSignal
}

/** A list of objects, and the version from which a watch of them can start. */
export interface Listing<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

/** A change of an object. A bookmark carries only a resource version, from which a later watch can resume. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: T
}

/** How to apply an object. */
export interface ApplyOptions {
  readonly manager: string
  /** Takes over fields that other managers own; if false, they cause a KubeError with the reason Conflict. */
  readonly force: boolean
  readonly subresource?: 'status'
  readonly dryRun?: boolean
}

/** How to remove an object. */
export interface RemoveOptions {
  /** Removes the object only if it has this uid. */
  readonly uid?: string
  readonly propagation?: 'Background' | 'Foreground'
}

/** A local port that is forwarded to a port of a pod, through the API server. */
export interface Tunnel {
  readonly port: number
  /** Why the last failed connection failed, if one did; its local client saw only a reset. */
  fault(): Error | undefined
  close(): Promise<void>
}

/** A request that was answered or has failed. */
export interface RequestInfo {
  readonly verb:
    'get' | 'list' | 'watch' | 'apply' | 'create' | 'replace' | 'patch' | 'remove' | 'discover' | 'tunnel'
  /** The name of the kind, such as Job. */
  readonly kind: string
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number
}

/** A client of the Kubernetes API. Every method throws KubeError when the API server refuses or can't be reached. */
export interface Kube {
  /** The default namespace: the one of the options or of the context. */
  readonly namespace: string
  /** For messages: the name of the context, and the server. */
  readonly place: string
  /** The object; undefined when there is none (404), also when its kind is not installed. */
  get<T extends KubeObject>(
    kind: Kind,
    name: ObjectName,
    options?: Pick<Selection, 'metadataOnly'>,
  ): Promise<T | undefined>
  list<T extends KubeObject>(kind: Kind, selection: Selection): Promise<Listing<T>>
  /**
   * Ends when the server closes the watch (every few minutes), when nothing comes for 75 s, or when the signal aborts. A new
   * watch from the last version misses nothing. Throws KubeError, with the status 410 when the version is too old.
   */
  watch<T extends KubeObject>(kind: Kind, selection: WatchSelection): AsyncIterable<WatchEvent<T>>
  /** Server-side apply. An object without a namespace is in the client's, here and below. */
  apply<T extends KubeObject>(kind: Kind, object: object, options: ApplyOptions): Promise<T>
  create<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** Replaces an object. Throws a KubeError with the reason Conflict when its resourceVersion is not the latest. */
  replace<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** Applies a JSON merge patch. */
  patch<T extends KubeObject>(kind: Kind, name: ObjectName, patch: object): Promise<T>
  /** Removes an object. Does not throw when it is gone, or when its uid is not `uid`. */
  remove(kind: Kind, name: ObjectName, options?: RemoveOptions): Promise<void>
  /** Looks a kind up by discovery; undefined when it is not installed. */
  findKind(apiVersion: string, kind: string): Promise<Kind | undefined>
  /** Connects to a port of a pod, then opens a local port on 127.0.0.1 that forwards to it. The caller closes it. */
  tunnel(pod: ObjectName, port: number): Promise<Tunnel>
}

/** The API server refused a request, with its message and its reason, such as NotFound, Forbidden, Conflict or Invalid. */
export class KubeError extends Error {
  readonly status: number
  readonly reason: string

  constructor(message: string, status: number, reason: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'KubeError'
    this.status = status
    this.reason = reason
  }
}
