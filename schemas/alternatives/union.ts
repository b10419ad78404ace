import type { Originals } from '../numbers/exact-numbers.ts'
import { isSchema, type Resolve } from '../references.ts'
import { createShapes, type Effort, type Shape } from './shape.ts'

/** How deep within the data a field may be that tells alternatives apart. */
const MOST_DEPTH = 3
/** What the analysis of one union may cost; some 100 ms. */
const MOST_EFFORT = 400_000
/** The most fields that are tried to tell alternatives apart. */
const MOST_TAGS = 100

/** The alternatives of one `oneOf` or `anyOf`, and what tells them apart. */
export interface Union {
  readonly shapes: readonly Shape[]
  readonly tags: readonly Tag[]
}

/** A place in the data where alternatives ask for different values. */
export interface Tag {
  readonly path: readonly string[]
  /** What each alternative allows there, by its index; none for an alternative that allows anything. */
  readonly allowed: ReadonlyMap<number, Allowed>
  /** How many different lists of values that are; the more there are, the better it tells alternatives apart. */
  readonly distinct: number
}

export interface Allowed {
  readonly values: ReadonlyMap<string, unknown>
  /** Whether the alternative needs a value there. */
  readonly isRequired: boolean
}

/** Analyses alternatives, once for each place: an object of the schema that stands for them. */
export type UnionOf = (place: object, alternatives: readonly unknown[]) => Union

/** Makes the function that analyses alternatives. */
export function createUnions(resolve: Resolve, originals: Originals): UnionOf {
  const shapeOf = createShapes(resolve, originals)
  const known = new WeakMap<object, Union>()
  return (place, alternatives) => {
    const found = known.get(place)
    if (found !== undefined) return found
    const effort: Effort = { left: MOST_EFFORT }
    const shapes = alternatives.map((alternative) => shapeOf(alternative, MOST_DEPTH, effort))
    const union = { shapes, tags: tagsOf(shapes, effort) }
    known.set(place, union)
    return union
  }
}

/** The tags, those first that tell most alternatives apart. */
function tagsOf(shapes: readonly Shape[], effort: Effort): readonly Tag[] {
  const tags = new Map<string, { path: readonly string[]; allowed: Map<number, Allowed> }>()
  const visit = (index: number, shape: Shape, path: readonly string[], isRequired: boolean): void => {
    effort.left -= 1 + (shape.values?.size ?? 0)
    if (effort.left <= 0) return
    if (shape.values !== undefined) {
      const key = JSON.stringify(path)
      const tag = tags.get(key) ?? { path, allowed: new Map<number, Allowed>() }
      tags.set(key, tag)
      tag.allowed.set(index, { values: shape.values, isRequired })
    }
    for (const [name, field] of shape.fields)
      visit(index, field, [...path, name], isRequired && shape.required.has(name))
  }
  shapes.forEach((shape, index) => visit(index, shape, [], true))
  return [...tags.values()]
    .map((tag) => ({ tag, ...powerOf(tag.allowed) }))
    .filter(({ tag, distinct }) => distinct > 1 || tag.allowed.size < shapes.length)
    .sort(
      (one, other) =>
        other.distinct - one.distinct ||
        one.values - other.values ||
        one.tag.path.length - other.tag.path.length,
    )
    .slice(0, MOST_TAGS)
    .map(({ tag, distinct }) => ({ ...tag, distinct }))
}

/** How many different lists of values a tag has, and how many values in all. */
function powerOf(allowed: Tag['allowed']): { readonly distinct: number; readonly values: number } {
  const lists = [...allowed.values()].map(({ values }) => values)
  return {
    distinct: new Set(lists.map((values) => [...values.keys()].join())).size,
    values: lists.reduce((sum, { size }) => sum + size, 0),
  }
}

/** What a schema is called: its title, or the name that its `$ref` ends with. */
export function nameOf(schema: unknown): string | undefined {
  if (!isSchema(schema)) return undefined
  const { title, $ref } = schema
  if (typeof title === 'string') return title
  return typeof $ref === 'string' ? /[^/#]+$/.exec($ref)?.[0] : undefined
}
