import { queryOf, undefinedAt, type Caller } from './call.ts'
import {
  KubeError,
  type Kube,
  type Listing,
  type Selection,
  type WatchEvent,
  type WatchSelection,
} from './client.ts'
import { callStream, TOO_LARGE } from './http.ts'
import { pathOf, type Kind } from './kinds.ts'
import type { KubeObject, ObjectName } from './object.ts'
import { watchEvents } from './watch-stream.ts'

const PAGE_SIZE = 500
/** How many times smaller a page gets that was too large. */
const SMALLER_PAGE = 8
/** The server ends a watch after a random time between these, so that many watches do not end at once. */
const WATCH_SECONDS = { least: 300, most: 540 }
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'

interface Page<T> {
  /** Null in empty lists of some extension API servers. */
  readonly items: readonly T[] | null
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
}

/** The methods of a client that read objects. */
export function reader(caller: Caller): Pick<Kube, 'get' | 'list' | 'watch'> {
  return {
    async get<T extends KubeObject>(
      kind: Kind,
      { namespace, name }: ObjectName,
      { metadataOnly }: Pick<Selection, 'metadataOnly'> = {},
    ) {
      const path = pathOf(kind, namespace, name)
      const accept = metadataOnly === true ? { accept: METADATA } : {}
      const object = await caller
        .call('get', kind, { method: 'GET', path, ...accept })
        .catch(undefinedAt(404))
      return object as T | undefined
    },
    list: (kind, selection) => listAll(caller, kind, selection),
    watch: (kind, selection) => watch(caller, kind, selection),
  }
}

async function listAll<T extends KubeObject>(
  { call }: Caller,
  kind: Kind,
  { namespace, labels, metadataOnly }: Selection,
): Promise<Listing<T>> {
  const items: T[] = []
  let limit = PAGE_SIZE
  let next: string | undefined
  for (;;) {
    const query = queryOf({ labelSelector: labels, limit: String(limit), continue: next })
    const accept = metadataOnly === true ? { accept: METADATA_LIST } : {}
    const path = pathOf(kind, namespace) + query
    const page = (await call('list', kind, { method: 'GET', path, ...accept }).catch((fault: unknown) => {
      // Objects may be large; a page of fewer is not.
      if (limit === 1 || !(fault instanceof KubeError) || fault.reason !== TOO_LARGE) throw fault
      limit = Math.ceil(limit / SMALLER_PAGE)
      return undefined
    })) as Page<T> | undefined
    if (page === undefined) continue
    for (const item of page.items ?? []) items.push(named(kind, item))
    next = page.metadata.continue
    if (!next) return { items, resourceVersion: page.metadata.resourceVersion }
  }
}

async function* watch<T extends KubeObject>(
  { access, counted }: Caller,
  kind: Kind,
  { namespace, labels, metadataOnly, resourceVersion, signal }: WatchSelection,
): AsyncGenerator<WatchEvent<T>, void> {
  if (signal.aborted) return
  const query = queryOf({
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(watchSeconds()),
    labelSelector: labels,
    resourceVersion,
  })
  const accept = metadataOnly === true ? { accept: METADATA } : {}
  const path = pathOf(kind, namespace) + query
  const body = await callStream(access, { method: 'GET', path, ...accept, ...counted('watch', kind) })
  for await (const { type, object } of watchEvents<T>(access, body, signal))
    yield { type, object: named(kind, object) }
}

function watchSeconds(): number {
  return Math.round(WATCH_SECONDS.least + Math.random() * (WATCH_SECONDS.most - WATCH_SECONDS.least))
}

/** Sets the kind of an object: items of lists have none, and metadata alone comes as a PartialObjectMetadata. */
function named<T extends KubeObject>({ apiVersion, kind }: Kind, object: T): T {
  return { ...object, apiVersion, kind }
}
