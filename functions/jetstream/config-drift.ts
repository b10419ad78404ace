/** Lists that Kubernetes merges by a key of their elements, and may add to. Other lists are compared as a whole. */
const KEYS: Readonly<Record<string, string | undefined>> = {
  containers: 'name',
  env: 'name',
  ownerReferences: 'uid',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumes: 'name',
}
/** Lists that are sets, which may have more elements. */
const SETS: readonly string[] = ['finalizers']

/**
 * Whether `have` contains all of `want`. It may have more, such as a server's defaults. Lists must be equally long, except
 * those that Kubernetes merges. An empty object or list may be missing in `have`, because servers leave it out.
 */
export function covers(have: unknown, want: unknown, name = ''): boolean {
  if (Array.isArray(want)) return coversList(have ?? [], want, name)
  if (typeof want !== 'object' || want === null) return have === want
  const record = have ?? {}
  if (typeof record !== 'object') return false
  return Object.entries(want).every(([key, value]) => covers(Reflect.get(record, key), value, key))
}

function coversList(have: unknown, want: readonly unknown[], name: string): boolean {
  if (!Array.isArray(have)) return false
  const items: readonly unknown[] = have
  const key = KEYS[name]
  if (key !== undefined)
    return want.every((item) => {
      const id = member(item, key)
      return covers(
        items.find((other) => member(other, key) === id),
        item,
      )
    })
  if (SETS.includes(name)) return want.every((item) => items.includes(item))
  return items.length === want.length && want.every((item, at) => covers(items[at], item))
}

function member(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? Reflect.get(item, key) : undefined
}
