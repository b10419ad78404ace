import { isExactNumber } from '../../functions/cloudevents/exact-number.ts'
import { canonicalJson } from '../numbers/equality.ts'
import { pointerToken, type Violation } from '../fault.ts'
import type { Originals } from '../numbers/exact-numbers.ts'
import { createResolver, isSchema, type Schema } from '../references.ts'
import { typeOf, type Effort, type Shape } from './shape.ts'
import { createUnions, nameOf, type Tag, type Union } from './union.ts'

/** What choosing may cost for the data of one check; some 50 ms. When it is spent, the first alternatives are told. */
const MOST_EFFORT = 300_000
/** The most fields of an object that count for how well it fits an alternative. */
const MOST_FIELDS = 500

/** Where the numbers are that ajv has only as doubles. */
interface ExactNumbers {
  readonly ofSchema: Originals
  readonly ofData: Originals
}

/** Chooses which violations are told, at most so many; the one that matters is the first. */
export type Choose = (violations: readonly Violation[], most: number) => readonly Violation[]

/**
 * Where data matches no alternative of `oneOf` or `anyOf`, the chooser takes the violations of the alternative that was
 * meant: the one that allows the type and the tags of the data, such as `"kind": "paid"`; if that leaves several, the one
 * that fits best. If no alternative allows a tag, it makes a violation that tells the allowed values. `root` is the schema.
 * Numbers that are no doubles are in the originals of the schema and the data.
 */
export function createChooser(root: unknown, numbers: ExactNumbers): Choose {
  let unions: ReturnType<typeof createUnions> | undefined
  const unionOf = (alternatives: readonly unknown[]): Union => {
    // Most validators never need it.
    unions ??= createUnions(createResolver(root), numbers.ofSchema)
    return unions(alternatives)
  }

  const tell = (violations: readonly Violation[], most: number, effort: Effort): Violation[] => {
    const told: Violation[] = []
    for (const violation of violations) {
      if (told.length >= most) break
      if (violation.keyword === 'if') tellCondition(violation, told, effort)
      else if (isUnmatched(violation)) told.push(...tellUnion(violation, most - told.length, effort))
      else told.push(violation)
    }
    return told
  }

  const tellUnion = (violation: Unmatched, most: number, effort: Effort): Violation[] => {
    const { keyword, params, parentSchema } = violation
    const schemas = parentSchema?.[keyword] as readonly unknown[]
    const first = (index: number) => tell(params.alternatives[index] ?? [], 1, effort)[0]
    const data = numbers.ofData.get(violation.data) ?? violation.data
    const decision = decide(unionOf(schemas), { ...violation, data }, { first, effort })
    if ('mismatch' in decision) return [decision.mismatch, violation].slice(0, most)
    const told: Violation[] = []
    // The summary needs one place.
    const room = Math.max(1, most - 1)
    const each = decision.indexes.length === 1 ? room : 1
    for (const index of decision.indexes) {
      if (told.length >= room) break
      told.push(...tell(params.alternatives[index] ?? [], each, effort))
    }
    const summary = { ...violation, params: { ...params, note: noteOf(decision, schemas) } }
    return [...told, summary].slice(0, most)
  }

  /** A chain of conditions that ends with `else: false` refuses what none of its conditions matches. */
  const tellCondition = (violation: Violation, told: Violation[], effort: Effort): void => {
    const last = told.at(-1)
    // The branch tells its violations itself.
    if (last === undefined) return void told.push(violation)
    const conditions = conditionsOf(violation)
    if (conditions === undefined || last.instancePath !== violation.instancePath) return
    const decision = decide(unionOf(conditions), violation, { first: () => undefined, effort })
    if ('mismatch' in decision) told[told.length - 1] = decision.mismatch
  }

  const chains = new WeakMap<Schema, readonly unknown[]>()
  const conditionsOf = ({ params, parentSchema }: Violation): readonly unknown[] | undefined => {
    if (parentSchema === undefined || params['failingKeyword'] !== 'else') return undefined
    const known = chains.get(parentSchema)
    if (known !== undefined) return known
    const conditions: unknown[] = []
    let schema: unknown = parentSchema
    while (isSchema(schema) && schema['if'] !== undefined) {
      conditions.push(schema['if'])
      schema = schema['else']
    }
    const isEnd =
      schema === false ||
      (isSchema(schema) && isSchema(schema['not']) && Object.keys(schema['not']).length === 0)
    if (!isEnd) return undefined
    chains.set(parentSchema, conditions)
    return conditions
  }

  return (violations, most) => tell(violations, most, { left: MOST_EFFORT })
}

/** A violation of `oneOf` or `anyOf` by data that matches no alternative. */
interface Unmatched extends Violation {
  readonly params: { readonly alternatives: readonly (readonly Violation[])[] }
}

function isUnmatched(violation: Violation): violation is Unmatched {
  const { alternatives, passingSchemas } = violation.params
  return Array.isArray(alternatives) && (passingSchemas ?? null) === null
}

/** Either the alternatives whose violations are to be told, or what is wrong with all of them. */
type Decision =
  { readonly indexes: readonly number[]; readonly by?: string | undefined } | { readonly mismatch: Violation }

interface Means {
  /** The first violation of an alternative. */
  readonly first: (index: number) => Violation | undefined
  readonly effort: Effort
}

function decide(union: Union, violation: Violation, means: Means): Decision {
  const { data, instancePath } = violation
  const all = [...union.shapes.keys()]
  if (means.effort.left <= 0) return { indexes: all.slice(0, 1) }
  means.effort.left -= all.length
  const ofType = all.filter((index) => allowsType(union.shapes[index]?.types, data))
  if (ofType.length === 0) return { mismatch: wrongType(union, violation) }
  const score = memoized((index) => scoreOf(union, index, data, means.effort))
  const asked: Asked = { ...means, violation, score }
  let candidates: readonly number[] = ofType
  let by = ofType.length < all.length ? instancePath : undefined
  for (const [, tags] of Map.groupBy(union.tags, ({ distinct }) => distinct)) {
    // Only what all that are left ask for tells which one is meant.
    const places = tags.flatMap((tag) => {
      const place = valueAt(data, tag.path)
      return place === undefined ? [] : [{ tag, place }]
    })
    const isCommon = ({ tag }: { tag: Tag }) => candidates.every((index) => tag.allowed.has(index))
    for (const found of places) {
      if (candidates.length === 1) return { indexes: candidates, by }
      if (!isCommon(found)) continue
      means.effort.left -= candidates.length
      const fitting = candidates.filter((index) => fits(found.tag, index, found.place) !== 'wrong')
      if (fitting.length === 0 || fitting.length === candidates.length) continue
      candidates = fitting
      by = instancePath + pointerOf(found.tag.path)
    }
    const wrong = places.find(
      (found) =>
        candidates.length > 1 &&
        isCommon(found) &&
        candidates.every((index) => fits(found.tag, index, found.place) === 'wrong'),
    )
    if (wrong !== undefined) return mismatchOf(wrong.tag, wrong.place, candidates, asked)
  }
  return candidates.length === 1 ? { indexes: candidates, by } : bestFit(union, candidates, asked)
}

/** Decides by how well each alternative fits as a whole, since no tag is common to them. */
function bestFit(union: Union, candidates: readonly number[], asked: Asked): Decision {
  const { violation, score, first } = asked
  const best = bestOf(bestOf(candidates, score), (index) => depthOf(first(index)))
  for (const tag of union.tags) {
    const place = valueAt(violation.data, tag.path)
    if (place === undefined || 'missing' in place) continue
    if (!best.every((index) => fits(tag, index, place) === 'wrong')) continue
    const wrong = candidates.filter((index) => fits(tag, index, place) === 'wrong')
    const isFit = candidates.some((index) => fits(tag, index, place) === 'right')
    if (wrong.length > 1 && !isFit) return mismatchOf(tag, place, wrong, asked)
  }
  return { indexes: best }
}

interface Asked extends Means {
  readonly violation: Violation
  readonly score: (index: number) => number
}

/** The violation that tells which values a tag may have, unless the alternative that fits best has a better one. */
function mismatchOf(
  tag: Tag,
  place: Place,
  candidates: readonly number[],
  { violation, score, first }: Asked,
): Decision {
  const wrong = candidates.toSorted((a, b) => score(b) - score(a))
  const [best = 0, second] = wrong
  const isBetter = second === undefined || score(best) > score(second)
  if (isBetter && first(best)?.keyword === 'discriminator') return { indexes: [best] }
  const values = new Map(wrong.flatMap((index) => [...(tag.allowed.get(index)?.values ?? [])]))
  const allowedValues = [...values.values()]
  const instancePath =
    violation.instancePath + pointerOf(tag.path.slice(0, 'value' in place ? undefined : place.missing))
  if ('value' in place)
    return {
      mismatch: { keyword: 'discriminator', instancePath, params: { allowedValues }, data: place.value },
    }
  const isLast = place.missing === tag.path.length - 1
  const params = { missingProperty: tag.path[place.missing], allowedValues }
  return { mismatch: { keyword: isLast ? 'discriminator' : 'required', instancePath, params } }
}

function wrongType({ shapes }: Union, { data, instancePath }: Violation): Violation {
  const values = new Map(shapes.flatMap((shape) => [...(shape.values ?? [])]))
  if (shapes.every((shape) => shape.values !== undefined))
    return { keyword: 'discriminator', instancePath, params: { allowedValues: [...values.values()] }, data }
  const types = new Set(shapes.flatMap((shape) => [...(shape.types ?? [])]))
  return { keyword: 'type', instancePath, params: { type: [...types] }, data }
}

/** Whether an alternative takes what is at the place of a tag; `any` when it does not ask for anything there. */
function fits({ allowed }: Tag, index: number, place: Place): 'right' | 'wrong' | 'any' {
  const asked = allowed.get(index)
  if (asked === undefined) return 'any'
  if ('missing' in place) return asked.isRequired ? 'wrong' : 'any'
  return !isComposite(place.value) && asked.values.has(canonicalJson(place.value)) ? 'right' : 'wrong'
}

/** How well data fits an alternative, by its fields and by its tags. */
function scoreOf(union: Union, index: number, data: unknown, effort: Effort): number {
  const score = fitOf(union.shapes[index], data, effort)
  if (effort.left <= 0) return score
  effort.left -= union.tags.length
  /** By field: the tags within one field count for no more than one tag. */
  const found = new Map<string | undefined, number[]>()
  for (const tag of union.tags) {
    const place = valueAt(data, tag.path)
    if (place === undefined) continue
    const value = TAG_SCORES['missing' in place ? 'missing' : 'present'][fits(tag, index, place)]
    const values = found.get(tag.path[0]) ?? []
    found.set(tag.path[0], values)
    if (value !== 0) values.push(value)
  }
  return [...found.values()].reduce((sum, values) => sum + mean(values), score)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
}

const TAG_SCORES = {
  present: { right: 0.5, wrong: -2.5, any: 0 },
  missing: { right: 0, wrong: -0.5, any: 0 },
}

/** A field that an alternative does not know speaks more against it than one that is missing. */
const UNKNOWN = 2

/** How well data fits a shape: the fields that both have, less those that are missing, unknown, or of another type. */
function fitOf(shape: Shape | undefined, data: unknown, effort: Effort): number {
  if (shape === undefined || typeOf(data) !== 'object' || effort.left <= 0) return 0
  const fields = data as Readonly<Record<string, unknown>>
  const names = Object.keys(fields).slice(0, MOST_FIELDS)
  const required = [...shape.required].slice(0, MOST_FIELDS)
  effort.left -= names.length + required.length
  let fit = 0
  for (const name of required) {
    // Senders leave out what is null.
    if (!Object.hasOwn(fields, name)) fit -= shape.fields.get(name)?.types?.has('null') ? 0.5 : 1
  }
  for (const name of names) {
    if (!shape.known.has(name)) fit -= shape.isClosed ? UNKNOWN : 0
    else if (allowsType(shape.fields.get(name)?.types, fields[name])) fit += 1
  }
  return fit
}

function allowsType(types: Shape['types'], data: unknown): boolean {
  const type = typeOf(data)
  return types === undefined || types.has(type) || (type === 'number' && types.has('integer'))
}

/** All of the indexes that have the highest value. */
function bestOf(indexes: readonly number[], value: (index: number) => number): readonly number[] {
  const values = indexes.map(value)
  const highest = Math.max(...values)
  return indexes.filter((_, position) => values[position] === highest)
}

function memoized(value: (index: number) => number): (index: number) => number {
  const known = new Map<number, number>()
  return (index) => {
    const found = known.get(index) ?? value(index)
    known.set(index, found)
    return found
  }
}

function depthOf(violation: Violation | undefined): number {
  return violation === undefined ? 0 : violation.instancePath.split('/').length
}

/** A value, or which step of the path to it is missing. */
type Place = { readonly value: unknown } | { readonly missing: number }

/** Undefined when the path leads through something that is no object. */
function valueAt(data: unknown, path: readonly string[]): Place | undefined {
  let value = data
  for (const [step, name] of path.entries()) {
    if (typeOf(value) !== 'object') return undefined
    if (!Object.hasOwn(value as object, name)) return { missing: step }
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return { value }
}

function isComposite(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !isExactNumber(value)
}

function pointerOf(path: readonly string[]): string {
  return path.map((name) => `/${pointerToken(name)}`).join('')
}

/** Says whose violations are told, and why. */
function noteOf(
  decision: { readonly indexes: readonly number[]; readonly by?: string | undefined },
  schemas: readonly unknown[],
): string {
  const { indexes, by } = decision
  if (schemas.length === 1) return ''
  const called = indexes.slice(0, 3).map((index) => {
    const name = nameOf(schemas[index])
    return `${index + 1}${name === undefined ? '' : ` (${name.slice(0, 50)})`}`
  })
  if (called.length > 1)
    return `; alternatives ${called.join(', ')}${indexes.length > 3 ? ' and others' : ''} fit best`
  const why =
    by === undefined ? 'fits best' : `is the one for ${by === '' ? 'such a value' : `what ${by} is`}`
  return `; alternative ${called.join()} ${why}`
}
