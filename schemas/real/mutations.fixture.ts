/** Data that differs from other data in one place. */
export interface Mutation {
  readonly data: unknown
  /** What was changed, with the JSON Pointer of the place. */
  readonly change: string
}

type Edit = (parent: Record<string, unknown>, key: string) => void

const EDITS: readonly (readonly [name: string, edit: Edit])[] = [
  [
    'removed',
    (parent, key) =>
      Array.isArray(parent) ? parent.splice(Number(key), 1) : Reflect.deleteProperty(parent, key),
  ],
  ['another type', (parent, key) => (parent[key] = ofAnotherType(parent[key]))],
  ['another value', (parent, key) => (parent[key] = anotherOf(parent[key]))],
  ['null', (parent, key) => (parent[key] = null)],
  ['a field more', (parent, key) => (parent[`${key}X`] = 'x')],
]

/** At most so many mutations of data: always the same, spread evenly over its places. */
export function mutationsOf(data: unknown, most: number): readonly Mutation[] {
  const places = placesIn(data, [])
  const all = places.length * EDITS.length
  const step = Math.max(1, all / most)
  return Array.from({ length: Math.min(most, all) }, (_, index) => {
    const number = Math.floor(index * step)
    const path = places[number % places.length] ?? []
    const [name, edit] = EDITS[Math.floor(number / places.length)] ?? ['', () => undefined]
    const copy = structuredClone(data)
    const parent = path.slice(0, -1).reduce((value, key) => (value as Record<string, unknown>)[key], copy)
    edit(parent as Record<string, unknown>, path.at(-1) ?? '')
    return { data: copy, change: `${name}: /${path.join('/')}` }
  })
}

function placesIn(value: unknown, path: readonly string[]): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => [
    [...path, key],
    ...placesIn(member, [...path, key]),
  ])
}

function ofAnotherType(value: unknown): unknown {
  if (typeof value === 'string') return 7
  return typeof value === 'number'
    ? 'seven'
    : typeof value === 'boolean'
      ? 'yes'
      : Array.isArray(value)
        ? {}
        : []
}

function anotherOf(value: unknown): unknown {
  if (typeof value === 'string') return `${value}?`
  if (typeof value === 'number') return -value - 0.5
  return typeof value === 'boolean' ? !value : Array.isArray(value) ? [...(value as unknown[]), {}] : {}
}
