import type { Fault } from './fault.ts'
import { inPlaceSchemas, isSchema, type Schema } from './references.ts'
import { subschemas } from './lint.ts'

type Keyword = 'unevaluatedProperties' | 'unevaluatedItems'

/** A schema with an `unevaluated…`, and all that its value is held against with it. */
interface Scope {
  readonly schema: Schema
  readonly root: unknown
  readonly keyword: Keyword
  /** Those that always hold: the schema itself, and what `allOf` and `$ref` lead to. */
  readonly certain: ReadonlySet<Schema>
}

const NO_CONTAINS = '"contains" in another schema than "unevaluatedItems"'
const OWN_ITEMS = '"items" beside "unevaluatedItems" only'
const NO_PATTERNS = 'the names of fields with "properties", apart from "if", "anyOf" and "oneOf"'

const CONDITIONS = ['if', 'dependentSchemas', 'dependencies']
/** What ajv forgets of a schema with a condition where the condition does not hold. */
const FORGOTTEN = ['allOf', 'anyOf', 'oneOf', '$ref', '$dynamicRef']
/** Keywords that see fields which no name tells. */
const OWN = 'unevaluatedProperties'
const NAMELESS = ['patternProperties', 'additionalProperties', OWN]

/**
 * Where a schema of 2020-12 has `unevaluatedProperties` or `unevaluatedItems` together with what ajv takes no, or wrong,
 * account of. Data would pass that must not, or the other way round, so such a schema is refused.
 */
export function unevaluatedFaults(root: unknown): Fault[] {
  const faults: Fault[] = []
  const visit = (schema: unknown, pointer: string): void => {
    if (!isSchema(schema)) return
    for (const keyword of ['unevaluatedProperties', 'unevaluatedItems'] as const) {
      if (schema[keyword] === undefined) continue
      const fix = fixOf({ schema, root, keyword, certain: allInPlace(schema, root, alwaysHolding) })
      if (fix === undefined) continue
      const detail = `"${keyword}" can not be told what other keywords have seen here; write ${fix}, or do without "${keyword}"`
      faults.push({ pointer: `${pointer}/${keyword}`, detail })
    }
    for (const [path, child] of subschemas(schema)) visit(child, pointer + path)
  }
  visit(root, '')
  return faults
}

function fixOf(scope: Scope): string | undefined {
  for (const one of allInPlace(scope.schema, scope.root, inPlaceSchemas)) {
    const fix =
      conditionFix(one, scope) ??
      (scope.keyword === 'unevaluatedItems' ? itemsFix(one, scope) : namelessFix(one, scope))
    if (fix !== undefined) return fix
  }
  return undefined
}

function itemsFix(one: Schema, { schema }: Scope): string | undefined {
  if (one['contains'] !== undefined) return NO_CONTAINS
  return one !== schema && one['items'] !== undefined ? OWN_ITEMS : undefined
}

/** Fields that are not named are taken for seen even by an alternative that does not hold, and beside one. */
function namelessFix(one: Schema, { schema, root, certain }: Scope): string | undefined {
  const isNameless = NAMELESS.some((name) => one[name] !== undefined && !(one === schema && name === OWN))
  if (!isNameless) return undefined
  const all = [...allInPlace(one, root, inPlaceSchemas)]
  return all.every((part) => certain.has(part)) ? undefined : NO_PATTERNS
}

function conditionFix(one: Schema, scope: Scope): string | undefined {
  const conditions = CONDITIONS.filter((condition) => one[condition] !== undefined)
  const [condition] = conditions
  if (condition === undefined) return undefined
  const beside = condition === 'if' ? FORGOTTEN : [...FORGOTTEN, 'properties', 'prefixItems']
  const isForgetful = conditions.length > 1 || beside.some((keyword) => one[keyword] !== undefined)
  if (isForgetful || !scope.certain.has(one)) return `"${condition}" in a schema of its own within "allOf"`
  return condition === 'if' ? unseenFix(one, scope) : undefined
}

/** ajv may take what `if` has seen for seen although it does not hold, or not although it does: something else has to see it. */
function unseenFix(one: Schema, { schema, root, keyword }: Scope): string | undefined {
  const inElse = seenBy(one['else'], keyword)
  const inBoth = seenBy(one['then'], keyword).filter((name) => inElse.includes(name))
  const outside = new Set([...seenBy(one, keyword), ...seenBy(schema, keyword), ...inBoth])
  const condition = isSchema(one['if']) ? [...allInPlace(one['if'], root, inPlaceSchemas)] : []
  const unseen = condition.flatMap((part) => seenBy(part, keyword)).find((name) => !outside.has(name))
  if (unseen === undefined) return undefined
  const isItem = keyword === 'unevaluatedItems'
  const what = isItem ? `item ${unseen}` : `the field ${JSON.stringify(unseen.slice(0, 50))}`
  const where = `${isItem ? '"prefixItems"' : '"properties"'} beside "if", or of both "then" and "else"`
  return `${what}, which "if" looks at, also into ${where} (true will do)`
}

/** The names of the fields, or the places of the items, that a schema sees by itself. */
function seenBy(schema: unknown, keyword: Keyword): readonly string[] {
  const keywordOfSeen = keyword === 'unevaluatedItems' ? 'prefixItems' : 'properties'
  return isSchema(schema) ? Object.keys(schema[keywordOfSeen] ?? {}) : []
}

/** The schemas that hold where this one does. */
function alwaysHolding(schema: Schema, root: unknown): Schema[] {
  const { allOf, $ref } = schema
  return inPlaceSchemas({ ...(allOf !== undefined && { allOf }), ...($ref !== undefined && { $ref }) }, root)
}

/** The schema and all that it leads to, step by step. */
function allInPlace(schema: Schema, root: unknown, step: typeof inPlaceSchemas): ReadonlySet<Schema> {
  const all = new Set([schema])
  // A Set is gone through to its end, which what is added meanwhile moves on.
  for (const one of all) for (const next of step(one, root)) all.add(next)
  return all
}
