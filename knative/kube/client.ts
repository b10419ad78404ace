import type { Kind } from './kinds.ts'
import type { KubeObject, ObjectName } from './object.ts'

/** What to list or to watch. */
export interface Selection {
  /** All namespaces where left out. */
  readonly namespace?: string
  /** As kubectl's `-l`. */
  readonly labels?: string
  /** Only the metadata of the objects is sent. */
  readonly metadataOnly?: boolean
}

/** From which version on to watch, and until when. */
export interface WatchSelection extends Selection {
  readonly resourceVersion: string
  readonly signal: AbortSignal
}

/** A list of objects, and the version at which a watch of them can begin. */
export interface Listing<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

/** A change of an object. A bookmark carries only a resource version, from which a later watch can go on. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: T
}

/** How to apply an object. */
export interface ApplyOptions {
  readonly manager: string
  /** Takes over fields that others own; false throws a KubeError with reason Conflict instead. */
  readonly force: boolean
  readonly subresource?: 'status'
  readonly dryRun?: boolean
}

/** How to remove an object. */
export interface RemoveOptions {
  /** Removes it only if it still is this one. */
  readonly uid?: string
  readonly propagation?: 'Background' | 'Foreground'
}

/** A local port that leads to the port of a pod, through the API server. */
export interface Tunnel {
  readonly port: number
  /** Why the latest connection through it failed, where one did: to a local client it was only cut. */
  fault(): Error | undefined
  close(): Promise<void>
}

/** A request that was answered, or failed. */
export interface RequestInfo {
  readonly verb:
    'get' | 'list' | 'watch' | 'apply' | 'create' | 'replace' | 'patch' | 'remove' | 'discover' | 'tunnel'
  /** The kind's name, such as Job. */
  readonly kind: string
  /** The HTTP status; 0 where no answer came. */
  readonly status: number
}

/** The API of Kubernetes. Everything throws KubeError where the API server refuses, or can't be reached. */
export interface Kube {
  /** The namespace of the current context. */
  readonly namespace: string
  /** What it talks to, for people: the context's name and the server. */
  readonly place: string
  /** The object, or undefined when there is none (404, also where the kind is not installed). */
  get<T extends KubeObject>(kind: Kind, name: ObjectName): Promise<T | undefined>
  list<T extends KubeObject>(kind: Kind, selection: Selection): Promise<Listing<T>>
  /**
   * Ends when the server closes it (every few minutes), when it fell silent, or when the signal aborts; a new watch from the
   * last version misses nothing. Throws KubeError, with status 410 where the version is too old.
   */
  watch<T extends KubeObject>(kind: Kind, selection: WatchSelection): AsyncIterable<WatchEvent<T>>
  /** Server-side apply. Objects without a namespace are in this client's, here and below. */
  apply<T extends KubeObject>(kind: Kind, object: object, options: ApplyOptions): Promise<T>
  create<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** Replaces an object; throws a KubeError with reason Conflict when its resourceVersion is not the latest. */
  replace<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** A JSON merge patch. */
  patch<T extends KubeObject>(kind: Kind, name: ObjectName, patch: object): Promise<T>
  /** Removes an object; one that is gone, or is another one than `uid` names, is no fault. */
  remove(kind: Kind, name: ObjectName, options?: RemoveOptions): Promise<void>
  /** The kind that an object names, by discovery; undefined where it is not installed. */
  findKind(apiVersion: string, kind: string): Promise<Kind | undefined>
  /** Opens a local port on 127.0.0.1 that leads to a pod's, once a first connection to that stands. The caller closes it. */
  tunnel(pod: ObjectName, port: number): Promise<Tunnel>
}

/** Why the API server refused a request, in its own words, with its reason such as NotFound, Forbidden, Conflict, Invalid. */
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
