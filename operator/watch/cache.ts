import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'

/** How an object changed; all objects of the first list are `added`. */
export type Change = 'added' | 'changed' | 'removed'

/** The last known objects of a kind. Its `onChange` is called after the cache holds a change. */
export interface Cache<T extends KubeObject> {
  get(name: ObjectName): T | undefined
  /** All objects, or those of a namespace. */
  list(namespace?: string): readonly T[]
  set(object: T): void
  remove(object: T): void
  /** Replaces the contents with these objects; only those that differ count as changes. */
  replaceAll(objects: readonly T[]): void
}

/** Makes an empty cache. */
export function createCache<T extends KubeObject>(onChange: (object: T, change: Change) => void): Cache<T> {
  const namespaces = new Map<string, Map<string, T>>()

  const get = ({ namespace, name }: ObjectName) => namespaces.get(namespace)?.get(name)
  const list = (namespace?: string): T[] =>
    namespace === undefined
      ? [...namespaces.values()].flatMap((objects) => [...objects.values()])
      : [...(namespaces.get(namespace)?.values() ?? [])]
  const set = (object: T) => {
    const { namespace, name } = nameOf(object)
    const objects = namespaces.get(namespace) ?? new Map<string, T>()
    namespaces.set(namespace, objects)
    const before = objects.get(name)
    if (before !== undefined && isSame(before, object)) return
    objects.set(name, object)
    onChange(object, before === undefined ? 'added' : 'changed')
  }
  const remove = (object: T) => {
    const { namespace, name } = nameOf(object)
    const objects = namespaces.get(namespace)
    if (objects?.delete(name) !== true) return
    if (objects.size === 0) namespaces.delete(namespace)
    onChange(object, 'removed')
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
