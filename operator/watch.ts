import type { Log } from '../functions/shared/log.ts'
import type { Kube, Selection } from '../knative/kube/client.ts'
import type { Kind } from '../knative/kube/kinds.ts'
import type { KubeObject, ObjectName } from '../knative/kube/object.ts'

/**
 * What a cache is worth: `syncing` before the first answer, `synced` while a watch follows it, `missing` where the cluster
 * does not know the kind, `failing` while the last try failed and what it holds may be old.
 */
export type WatchState = 'syncing' | 'synced' | 'missing' | 'failing'

/** What happened to an object; `added` also for all objects of the first list. */
export type Change = 'added' | 'changed' | 'removed'

/** What to follow, and who is told. */
export interface WatchOptions<T extends KubeObject> {
  readonly kube: Kube
  readonly kind: Kind
  readonly selection: Selection
  /** Told after the cache has the change; what it throws is logged. `removed` brings the last known object. */
  readonly onChange: (object: T, change: Change) => void
  /** Told of each transition. */
  readonly onState?: (state: WatchState) => void
  readonly log: Log
  /** Ends the watch for good. */
  readonly signal: AbortSignal
}

/** The objects of one kind, as the cluster last told them. */
export interface WatchedKind<T extends KubeObject> {
  get(name: ObjectName): T | undefined
  /** All objects, or those of a namespace. */
  list(namespace?: string): readonly T[]
  state(): WatchState
  /** Resolves when the kind was first listed or found missing, or when the watch has ended. */
  readonly whenSynced: Promise<void>
  /** Resolves when the signal has ended the watch. Never rejects. */
  readonly ended: Promise<void>
}

/**
 * Follows all objects of a kind until the signal aborts, whatever fails meanwhile: lists, watches from there, resumes a watch
 * that the server closes, and lists again, backing off, when something fails.
 */
export declare function watchKind<T extends KubeObject>(options: WatchOptions<T>): WatchedKind<T>
