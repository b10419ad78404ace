import { isExactNumber } from '../../functions/cloudevents/exact-number.ts'
import { canonicalJson } from '../numbers/equality.ts'
import { typeOf, type Effort, type Shape } from './shape.ts'
import type { Tag, Union } from './union.ts'

/** The most fields of an object that count for how well it fits an alternative. */
const MOST_FIELDS = 500
/** A field that an alternative does not know speaks more against it than one that is missing. */
const UNKNOWN = 2
/** Senders often leave out what is null. */
const MISSING_NULL = 0.5
const OF_TAG = { present: { right: 0.5, wrong: -2.5, any: 0 }, missing: { right: 0, wrong: -0.5, any: 0 } }

/** A value with its canonical JSON, none for arrays and objects; or which step of the path to it is missing. */
export type Place =
  { readonly value: unknown; readonly text: string | undefined } | { readonly missing: number }

/** What is at a path; undefined when the path leads through something that is no object. */
export function placeAt(data: unknown, path: readonly string[]): Place | undefined {
  let value = data
  for (const [step, name] of path.entries()) {
    if (typeOf(value) !== 'object') return undefined
    if (!Object.hasOwn(value as object, name)) return { missing: step }
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  const isComposite = typeof value === 'object' && value !== null && !isExactNumber(value)
  return { value, text: isComposite ? undefined : canonicalJson(value) }
}

/** Whether an alternative takes what is at the place of a tag; `any` when it does not ask for anything there. */
export function fits({ allowed }: Tag, index: number, place: Place): 'right' | 'wrong' | 'any' {
  const asked = allowed.get(index)
  if (asked === undefined) return 'any'
  if ('missing' in place) return asked.isRequired ? 'wrong' : 'any'
  return place.text !== undefined && asked.values.has(place.text) ? 'right' : 'wrong'
}

/** Whether a shape takes the type of the data. */
export function allowsType(shape: Shape | undefined, data: unknown): boolean {
  const type = typeOf(data)
  const types = shape?.types
  return types === undefined || types.has(type) || (type === 'number' && types.has('integer'))
}

/** How well data fits an alternative: by its fields, and by what is at the places of the tags. More is better. */
export function scoreOf(
  { shapes, tags }: Union,
  index: number,
  { data, places, effort }: { data: unknown; places: ReadonlyMap<Tag, Place>; effort: Effort },
): number {
  const shape = shapes[index]
  if (shape === undefined || effort.left <= 0) return 0
  effort.left -= tags.length
  // The tags within one field count for no more than one tag.
  const byField = Map.groupBy(places, ([{ path }]) => path[0])
  const ofTags = [...byField.values()].map((found) => {
    const scores = found.map(
      ([tag, place]) => OF_TAG['missing' in place ? 'missing' : 'present'][fits(tag, index, place)],
    )
    return mean(scores.filter((score) => score !== 0))
  })
  return sum(ofTags) + (typeOf(data) === 'object' ? ofFields(shape, data as object, effort) : 0)
}

/** The fields that data and shape both have, less those that are missing or unknown. */
function ofFields(shape: Shape, data: object, effort: Effort): number {
  const fields = Object.entries(data).slice(0, MOST_FIELDS)
  const required = [...shape.required].slice(0, MOST_FIELDS)
  effort.left -= fields.length + required.length
  const missing = required
    .filter((name) => !Object.hasOwn(data, name))
    .map((name) => (shape.fields.get(name)?.types?.has('null') ? MISSING_NULL : 1))
  const known = fields.map(([name, value]) => {
    if (!shape.known.has(name)) return shape.isClosed ? -UNKNOWN : 0
    return allowsType(shape.fields.get(name), value) ? 1 : 0
  })
  return sum(known) - sum(missing)
}

function mean(values: readonly number[]): number {
  return sum(values) / Math.max(values.length, 1)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
