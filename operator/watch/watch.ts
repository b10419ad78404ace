import type { Log } from '../../functions/process/log.ts'
import { KubeError, type Kube, type Selection } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'
import { backoffMs, jitter, pause } from '../backoff.ts'
import { createCache, type Cache, type Change } from './cache.ts'

export type { Change } from './cache.ts'

const BACKOFF = { firstMs: 200, maxMs: 30_000 }
/** How often to see whether a kind that was missing is installed, at most. */
const MISSING_RETRY_MS = 12_000
/** A watch that ends sooner and brought nothing was no use: going on from there at once could turn in circles. */
const USEFUL_AFTER_MS = 1_000
const NOT_FOUND = 404
const GONE = 410

/**
 * What a cache is worth: `syncing` before the first answer, `synced` while a watch follows it, `missing` where the cluster
 * does not know the kind, `failing` while the last try failed and what it holds may be old.
 */
export type WatchState = 'syncing' | 'synced' | 'missing' | 'failing'

/** What to follow, and who is told. */
export interface WatchOptions<T extends KubeObject> {
  readonly kube: Kube
  readonly kind: Kind
  readonly selection: Selection
  /** Told after the cache has the change; what it throws is logged. `removed` brings the last known object. */
  readonly onChange: (object: T, change: Change) => void
  /** Told of each transition; what it throws is logged. */
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
export function watchKind<T extends KubeObject>(options: WatchOptions<T>): WatchedKind<T> {
  const { kind, onChange, onState = () => undefined } = options
  const log = options.log.child({ kind: kind.kind })
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (err) {
      log.error({ err }, 'A handler of a watch failed')
    }
  }
  const cache = createCache<T>((object, change) => guarded(() => onChange(object, change)))
  const synced = Promise.withResolvers<undefined>()
  let state: WatchState = 'syncing'
  const enter = (next: WatchState) => {
    if (next === state) return
    state = next
    log[next === 'failing' ? 'warn' : 'info']({ state }, 'A watch changed its state')
    if (next !== 'failing') synced.resolve(undefined)
    guarded(() => onState(next))
  }
  const follower = { ...options, log, cache, enter }
  const ended = follow(follower).finally(() => synced.resolve(undefined))
  return { get: cache.get, list: cache.list, state: () => state, whenSynced: synced.promise, ended }
}

interface Follower<T extends KubeObject> extends WatchOptions<T> {
  readonly cache: Cache<T>
  readonly enter: (state: WatchState) => void
}

async function follow<T extends KubeObject>(follower: Follower<T>): Promise<void> {
  const { enter, log, signal } = follower
  let faults = 0
  while (!signal.aborted) {
    try {
      const version = await relist(follower)
      if (version === undefined) await pause(MISSING_RETRY_MS * jitter(), signal)
      else await watchFrom(follower, version, () => (faults = 0))
    } catch (err) {
      const retryMs = backoffMs(BACKOFF, ++faults)
      if (!isGone(err)) enter('failing')
      log.warn({ err, retryMs }, 'A watch failed')
      await pause(retryMs, signal)
    }
  }
}

/** Brings the cache to what there is, and gives its version; undefined where the kind is not installed. */
async function relist<T extends KubeObject>(follower: Follower<T>): Promise<string | undefined> {
  const { kube, kind, selection, cache, enter, signal } = follower
  const listing = await kube.list<T>(kind, selection).catch((fault: unknown) => {
    if (fault instanceof KubeError && fault.status === NOT_FOUND) return undefined
    throw fault
  })
  if (signal.aborted) return undefined
  cache.replaceAll(listing?.items ?? [])
  enter(listing === undefined ? 'missing' : 'synced')
  return listing?.resourceVersion
}

/** Follows the changes from a version on, over watches that the server closes, until one fails or the signal aborts. */
async function watchFrom<T extends KubeObject>(
  { kube, kind, selection, cache, signal }: Follower<T>,
  resourceVersion: string,
  onUse: () => void,
): Promise<void> {
  let version = resourceVersion
  for (;;) {
    const since = performance.now()
    let used = false
    for await (const { type, object } of kube.watch<T>(kind, {
      ...selection,
      resourceVersion: version,
      signal,
    })) {
      version = object.metadata.resourceVersion ?? version
      if (type === 'DELETED') cache.remove(object)
      else if (type !== 'BOOKMARK') cache.set(object)
      used = true
      onUse()
    }
    if (signal.aborted) return
    if (!used && performance.now() - since < USEFUL_AFTER_MS)
      throw new Error('the server ended the watch at once')
    onUse()
  }
}

function isGone(fault: unknown): boolean {
  return fault instanceof KubeError && fault.status === GONE
}
