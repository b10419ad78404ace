import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'

/** How an object changed; all objects of the first list are `added`. */
export type Change = 'added' | 'changed' | 'removed'

/**
 * The last known objects of a kind, without their bookkeeping, which is most of an object and read by nobody here: who owns
 * which field, and kubectl's copy of what was applied. Its `onChange` is called after the cache holds a change.
 */
export interface Cache<T extends KubeObject> {
  get(name: ObjectName): T | undefined
  /** All objects, or those of a namespace. */
  list(namespace?: string): readonly T[]
  set(object: T): void
  remove(object: T): void
  /** Replaces the contents with these objects; only those that differ count as changes. */
  replaceAll(objects: readonly T[]): void
}

/**
 * Makes an empty cache. With `keep` it has what that makes of each object, and leaves out those of which it makes undefined;
 * what happens to them is told all the same.
 */
export function createCache<T extends KubeObject>(
  onChange: (object: T, change: Change) => void,
  keep?: (object: T) => T | undefined,
): Cache<T> {
  const namespaces = new Map<string, Map<string, T>>()

  const get = ({ namespace, name }: ObjectName) => namespaces.get(namespace)?.get(name)
  const list = (namespace?: string): T[] =>
    namespace === undefined
      ? [...namespaces.values()].flatMap((objects) => [...objects.values()])
      : [...(namespaces.get(namespace)?.values() ?? [])]
  const set = (object: T) => {
    const before = get(nameOf(object))
    if (before !== undefined && isSame(before, object)) return
    const slim = withoutBookkeeping(object)
    const kept = keep === undefined ? slim : keep(slim)
    if (kept === undefined) drop(object)
    else put(kept)
    onChange(kept ?? slim, before === undefined ? 'added' : 'changed')
  }
  const put = (object: T) => {
    const { namespace, name } = nameOf(object)
    const objects = namespaces.get(namespace) ?? new Map<string, T>()
    namespaces.set(namespace, objects)
    objects.set(name, object)
  }
  const drop = (object: T): boolean => {
    const { namespace, name } = nameOf(object)
    const objects = namespaces.get(namespace)
    if (objects?.delete(name) !== true) return false
    if (objects.size === 0) namespaces.delete(namespace)
    return true
  }
  const remove = (object: T) => {
    if (drop(object) || keep !== undefined) onChange(object, 'removed')
  }
  return {
    get,
    list,
    set,
    remove,
    replaceAll(objects) {
      const names = new Set(objects.map(keyOf))
      for (const object of list()) if (!names.has(keyOf(object))) remove(object)
      for (const object of objects) set(object)
    },
  }
}

const APPLIED_COPY = 'kubectl.kubernetes.io/last-applied-configuration'

function withoutBookkeeping<T extends KubeObject>(object: T): T {
  const metadata: KubeObject['metadata'] & { managedFields?: unknown } = { ...object.metadata }
  delete metadata.managedFields
  if (metadata.annotations?.[APPLIED_COPY] === undefined) return { ...object, metadata }
  const annotations = Object.entries(metadata.annotations).filter(([name]) => name !== APPLIED_COPY)
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(annotations) } }
}

function nameOf({ metadata }: KubeObject): ObjectName {
  return { namespace: metadata.namespace ?? '', name: metadata.name }
}

function keyOf(object: KubeObject): string {
  const { namespace, name } = nameOf(object)
  return `${namespace}/${name}`
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion
}
