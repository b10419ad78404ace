import type { Violation } from '../fault.ts'
import type { Originals } from '../numbers/exact-numbers.ts'
import { createResolver, isSchema } from '../references.ts'
import { decide, type Decision } from './decide.ts'
import type { Effort } from './shape.ts'
import { createUnions, nameOf, type UnionOf } from './union.ts'

/** What choosing may cost for the data of one check; some 50 ms. When it is spent, the first alternatives are told. */
const MOST_EFFORT = 300_000

/** Where the numbers are that ajv has only as doubles. */
interface ExactNumbers {
  readonly ofSchema: Originals
  readonly ofData: Originals
}

/** Chooses which violations are told, at most so many; the one that matters is the first. */
export type Choose = (violations: readonly Violation[], most: number) => readonly Violation[]

/** A violation of `oneOf` or `anyOf` by data that matches no alternative. */
interface Unmatched extends Violation {
  readonly params: { readonly alternatives: readonly (readonly Violation[])[] }
}

/**
 * Where data matches no alternative of `oneOf` or `anyOf`, the chooser takes the violations of the alternative that was
 * meant: the one that takes the type and the tags of the data, such as `"kind": "paid"`; if that leaves several, those that
 * fit best. If no alternative takes a tag, it makes a violation that tells the allowed values. `root` is the schema.
 */
export function createChooser(root: unknown, numbers: ExactNumbers): Choose {
  let unions: UnionOf | undefined
  const unionOf: UnionOf = (place, alternatives) => {
    // Most validators never need it.
    unions ??= createUnions(createResolver(root), numbers.ofSchema)
    return unions(place, alternatives)
  }
  return (violations, most) => createTeller(unionOf, numbers, most)(violations)
}

function createTeller(unionOf: UnionOf, numbers: ExactNumbers, most: number) {
  const effort: Effort = { left: MOST_EFFORT }
  /** A decision may look at what its alternatives tell; that is not to be found out again for each level of nesting. */
  const known = new Map<Violation, readonly Violation[]>()

  const tell = (violations: readonly Violation[]): readonly Violation[] => {
    const told: Violation[] = []
    for (const violation of violations) {
      if (told.length >= most) break
      if (violation.keyword === 'if') told.splice(-1, 1, ...tellCondition(violation, told.at(-1)))
      else if (isUnmatched(violation)) told.push(...tellUnion(violation))
      else told.push(violation)
    }
    return told.slice(0, most)
  }

  const tellUnion = (violation: Unmatched): readonly Violation[] => {
    const told = known.get(violation) ?? tellAnew(violation)
    known.set(violation, told)
    return told
  }

  const tellAnew = (violation: Unmatched): readonly Violation[] => {
    const { keyword, params, parentSchema } = violation
    const schemas = parentSchema?.[keyword] as readonly unknown[]
    const of = (index: number) => tell(params.alternatives[index] ?? [])
    const exact = { ...violation, data: numbers.ofData.get(violation.data) ?? violation.data }
    const decision = decide(unionOf(schemas, schemas), {
      violation: exact,
      first: (index) => of(index)[0],
      effort,
    })
    if ('mismatch' in decision) return [decision.mismatch, violation]
    const [one, ...others] = decision.indexes.slice(0, most)
    const told =
      one === undefined
        ? []
        : others.length === 0
          ? of(one)
          : [one, ...others].flatMap((index) => of(index).slice(0, 1))
    const summary = { ...violation, params: { ...params, note: noteOf(decision, schemas) } }
    return [...told.slice(0, Math.max(1, most - 1)), summary]
  }

  /**
   * A violation of `if` comes after the one of its branch, which says more. But when a chain of conditions ends with
   * `else: false`, it is told what the conditions would have taken.
   */
  const tellCondition = (violation: Violation, last: Violation | undefined): readonly Violation[] => {
    if (last === undefined) return [violation]
    const conditions = last.instancePath === violation.instancePath ? conditionsOf(violation) : []
    if (conditions.length === 0) return [last]
    const decision = decide(unionOf(violation.parentSchema ?? conditions, conditions), {
      violation,
      first: () => undefined,
      effort,
    })
    return ['mismatch' in decision ? decision.mismatch : last]
  }
  return tell
}

function isUnmatched(violation: Violation): violation is Unmatched {
  const { alternatives, passingSchemas } = violation.params
  return Array.isArray(alternatives) && !Array.isArray(passingSchemas)
}

/** The conditions of a chain of `if` and `else` that ends with a schema which refuses all; none for other chains. */
function conditionsOf({ params, parentSchema }: Violation): readonly unknown[] {
  const conditions: unknown[] = []
  let schema: unknown = params['failingKeyword'] === 'else' ? parentSchema : undefined
  while (isSchema(schema) && schema['if'] !== undefined) {
    conditions.push(schema['if'])
    schema = schema['else']
  }
  const refused = isSchema(schema) ? schema['not'] : undefined
  const refusesAll =
    schema === false || refused === true || (isSchema(refused) && Object.keys(refused).length === 0)
  return refusesAll ? conditions : []
}

/** Says whose violations are told, and why. */
function noteOf(decision: Exclude<Decision, { mismatch: Violation }>, schemas: readonly unknown[]): string {
  const { indexes, by } = decision
  if (schemas.length === 1) return ''
  const called = indexes.slice(0, 3).map((index) => {
    const name = nameOf(schemas[index])
    return `${index + 1}${name === undefined ? '' : ` (${name.slice(0, 50)})`}`
  })
  if (called.length > 1)
    return `; alternatives ${called.join(', ')}${indexes.length > 3 ? ' and others' : ''} fit best`
  const why = by === undefined ? 'fits best' : `is meant, going by ${by === '' ? 'the type of the data' : by}`
  return `; alternative ${called.join()} ${why}`
}
