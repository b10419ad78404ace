import type { Log } from '../../functions/process/log.ts'
import { KubeError, type Kube, type Selection } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'
import { backoffMs, jitter, pause } from '../backoff.ts'
import { createCache, type Cache, type Change } from './cache.ts'

export type { Change } from './cache.ts'

const BACKOFF = { firstMs: 200, maxMs: 30_000 }
/** How long to wait before a missing kind, or a closed namespace, is looked for again, at most. */
const MISSING_RETRY_MS = 12_000
/** A watch that ends sooner than this without an event counts as failed: to resume it at once could loop without a pause. */
const USEFUL_AFTER_MS = 1_000
const FORBIDDEN = 403
const NOT_FOUND = 404
const GONE = 410

/**
 * The state of a watch and its cache: `syncing` before the first list, `synced` while the watch runs, `missing` if the kind
 * is not installed, `closed` if the one namespace that is watched may not be read, `failing` after an error, while the cache
 * may be stale.
 */
export type WatchState = 'syncing' | 'synced' | 'missing' | 'closed' | 'failing'

/** What to watch, and what to call. */
export interface WatchOptions<T extends KubeObject> {
  readonly kube: Kube
  readonly kind: Kind
  readonly selection: Selection
  /** What is kept of an object; undefined for nothing. All of it by default. */
  readonly keep?: (object: T) => T | undefined
  /** The first list waits for this. */
  readonly after?: Promise<unknown>
  /** Called after the cache holds the change, for `removed` with the last known object. What it throws is logged. */
  readonly onChange: (object: T, change: Change) => void
  /** Called when the state changes. What it throws is logged. */
  readonly onState?: (state: WatchState) => void
  readonly log: Log
  /** Ends the watch for good. */
  readonly signal: AbortSignal
}

/** A cache of the objects of one kind, kept up to date by a watch. */
export interface WatchedKind<T extends KubeObject> {
  get(name: ObjectName): T | undefined
  /** All objects, or those of a namespace. */
  list(namespace?: string): readonly T[]
  state(): WatchState
  /** Resolves when the kind was first listed or found missing, or when the watch ended before that. */
  readonly whenSynced: Promise<void>
  /** Resolves when the signal has ended the watch. Never rejects. */
  readonly ended: Promise<void>
}

/**
 * Lists and watches all objects of a kind until the signal aborts. Resumes a watch that the server closes. After an error,
 * lists again with backoff.
 */
export function watchKind<T extends KubeObject>(options: WatchOptions<T>): WatchedKind<T> {
  const { kind, onChange, onState = () => undefined } = options
  const { namespace } = options.selection
  const log = options.log.child({ kind: kind.kind, ...(namespace === undefined ? {} : { namespace }) })
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (err) {
      log.error({ err }, 'A handler of a watch failed')
    }
  }
  const cache = createCache<T>((object, change) => guarded(() => onChange(object, change)), options.keep)
  const synced = Promise.withResolvers<undefined>()
  let state: WatchState = 'syncing'
  const enter = (next: WatchState) => {
    if (next === state) return
    state = next
    log[next === 'failing' || next === 'closed' ? 'warn' : 'info']({ state }, 'A watch changed its state')
    if (next !== 'failing') synced.resolve(undefined)
    guarded(() => onState(next))
  }
  const watcher = { ...options, log, cache, enter }
  const ended = listAndWatch(watcher).finally(() => synced.resolve(undefined))
  return { get: cache.get, list: cache.list, state: () => state, whenSynced: synced.promise, ended }
}

/** The most telling state of several: the first in this order that one of them has. */
const STATES = ['failing', 'syncing', 'missing', 'synced', 'closed'] as const satisfies WatchState[]

/**
 * Lists and watches the objects of a kind in some namespaces, or in all. A namespace that may not be read counts as empty, and
 * is looked at again and again. The state is the most telling of all namespaces.
 */
export function watchNamespaces<T extends KubeObject>(
  options: WatchOptions<T>,
  namespaces: readonly string[] | undefined,
): WatchedKind<T> {
  if (namespaces === undefined) return watchKind(options)
  const watched = new Map(
    namespaces.map((namespace) => [
      namespace,
      watchKind({ ...options, selection: { ...options.selection, namespace } }),
    ]),
  )
  const all = [...watched.values()]
  const ofAll = (promises: readonly Promise<void>[]) => Promise.all(promises).then(() => undefined)
  return {
    get: (name) => watched.get(name.namespace)?.get(name),
    list: (namespace) =>
      namespace === undefined ? all.flatMap((kind) => kind.list()) : (watched.get(namespace)?.list() ?? []),
    state: () => STATES.find((state) => all.some((kind) => kind.state() === state)) ?? 'closed',
    whenSynced: ofAll(all.map((kind) => kind.whenSynced)),
    ended: ofAll(all.map((kind) => kind.ended)),
  }
}

interface Watcher<T extends KubeObject> extends WatchOptions<T> {
  readonly cache: Cache<T>
  readonly enter: (state: WatchState) => void
}

async function listAndWatch<T extends KubeObject>(watcher: Watcher<T>): Promise<void> {
  const { enter, log, signal, after } = watcher
  await after
  let failures = 0
  while (!signal.aborted) {
    try {
      const version = await relist(watcher)
      if (version === undefined) await pause(MISSING_RETRY_MS * jitter(), signal)
      else await watchFrom(watcher, version, () => (failures = 0))
    } catch (err) {
      const retryMs = backoffMs(BACKOFF, ++failures)
      if (!isGone(err)) enter('failing')
      log.warn({ err, retryMs }, 'A watch failed')
      await pause(retryMs, signal)
    }
  }
}

/** Lists into the cache, and gives the version of the list; undefined if there is nothing to follow. */
async function relist<T extends KubeObject>(watcher: Watcher<T>): Promise<string | undefined> {
  const { kube, kind, selection, cache, enter, signal } = watcher
  const listing = await kube.list<T>(kind, selection).catch((fault: unknown) => nothingIn(fault, selection))
  if (signal.aborted) return undefined
  if (typeof listing === 'object') {
    cache.replaceAll(listing.items)
    enter('synced')
    return listing.resourceVersion
  }
  cache.replaceAll([])
  enter(listing)
  return undefined
}

/** Says why nothing can be followed; throws any other fault. */
function nothingIn(fault: unknown, { namespace }: Selection): 'missing' | 'closed' {
  const status = fault instanceof KubeError ? fault.status : undefined
  if (status === NOT_FOUND) return 'missing'
  if (status === FORBIDDEN && namespace !== undefined) return 'closed'
  throw fault
}

/** Watches from a version on, resuming watches that the server closes, until one fails or the signal aborts. */
async function watchFrom<T extends KubeObject>(
  { kube, kind, selection, cache, signal }: Watcher<T>,
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
