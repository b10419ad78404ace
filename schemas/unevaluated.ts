import type { Fault } from './fault.ts'
import { createResolver, inPlaceSchemas, isSchema, type Resolve, type Schema } from './references.ts'
import { subschemas } from './lint.ts'

type Keyword = 'unevaluatedProperties' | 'unevaluatedItems'

/** A schema that has an `unevaluated…` keyword, with what is needed to judge it. */
interface Scope {
  readonly schema: Schema
  readonly resolve: Resolve
  readonly keyword: Keyword
  /** The schemas that always apply: the schema itself, and all that `allOf` and `$ref` lead to. */
  readonly certain: ReadonlySet<Schema>
}

const NO_CONTAINS = '"contains" in another schema than "unevaluatedItems"'
const OWN_ITEMS = '"items" beside "unevaluatedItems" only'
const NO_PATTERNS = 'the names of fields with "properties", apart from "if", "anyOf" and "oneOf"'

const CONDITIONS = ['if', 'dependentSchemas', 'dependencies']
/** Keywords beside a condition whose evaluated fields and items ajv forgets when the condition is false. */
const FORGOTTEN = ['allOf', 'anyOf', 'oneOf', '$ref', '$dynamicRef']
const OWN = 'unevaluatedProperties'
/** Keywords that evaluate fields without naming them. */
const NAMELESS = ['patternProperties', 'additionalProperties', OWN]

/**
 * Finds `unevaluatedProperties` and `unevaluatedItems` (2020-12) beside keywords that ajv does not take into account, or
 * takes wrongly. Such a schema is refused, because ajv would accept wrong data or refuse right data.
 */
export function unevaluatedFaults(root: unknown): Fault[] {
  const faults: Fault[] = []
  const resolve = createResolver(root)
  const visit = (schema: unknown, pointer: string): void => {
    if (!isSchema(schema)) return
    for (const keyword of ['unevaluatedProperties', 'unevaluatedItems'] as const) {
      if (schema[keyword] === undefined) continue
      const fix = fixOf({ schema, resolve, keyword, certain: allInPlace(schema, resolve, alwaysHolding) })
      if (fix === undefined) continue
      const detail = `"${keyword}" can not know what other keywords evaluate here; write ${fix}, or do without "${keyword}"`
      faults.push({ pointer: `${pointer}/${keyword}`, detail })
    }
    for (const [path, child] of subschemas(schema)) visit(child, pointer + path)
  }
  visit(root, '')
  return faults
}

function fixOf(scope: Scope): string | undefined {
  for (const one of allInPlace(scope.schema, scope.resolve, inPlaceSchemas)) {
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

/** ajv takes fields without a name as evaluated even by, or beside, an alternative that does not match. */
function namelessFix(one: Schema, { schema, resolve, certain }: Scope): string | undefined {
  const isNameless = NAMELESS.some((name) => one[name] !== undefined && !(one === schema && name === OWN))
  if (!isNameless) return undefined
  const all = [...allInPlace(one, resolve, inPlaceSchemas)]
  return all.every((part) => certain.has(part)) ? undefined : NO_PATTERNS
}

function conditionFix(one: Schema, scope: Scope): string | undefined {
  const conditions = CONDITIONS.filter((condition) => one[condition] !== undefined)
  const [condition] = conditions
  if (condition === undefined) return undefined
  const beside = condition === 'if' ? FORGOTTEN : [...FORGOTTEN, 'properties', 'prefixItems']
  const forgets = conditions.length > 1 || beside.some((keyword) => one[keyword] !== undefined)
  if (forgets || !scope.certain.has(one)) return `"${condition}" in a schema of its own within "allOf"`
  return condition === 'if' ? unevaluatedFix(one, scope) : undefined
}

/**
 * ajv may take what `if` has evaluated as evaluated although `if` does not match, or as not evaluated although it does. So
 * another keyword has to evaluate it.
 */
function unevaluatedFix(one: Schema, { schema, resolve, keyword }: Scope): string | undefined {
  const inElse = evaluatedBy(one['else'], keyword)
  const inBoth = evaluatedBy(one['then'], keyword).filter((name) => inElse.includes(name))
  const outside = new Set([...evaluatedBy(one, keyword), ...evaluatedBy(schema, keyword), ...inBoth])
  const condition = isSchema(one['if']) ? [...allInPlace(one['if'], resolve, inPlaceSchemas)] : []
  const missing = condition.flatMap((part) => evaluatedBy(part, keyword)).find((name) => !outside.has(name))
  if (missing === undefined) return undefined
  const isItem = keyword === 'unevaluatedItems'
  const what = isItem ? `item ${missing}` : `the field ${JSON.stringify(missing.slice(0, 50))}`
  const where = `${isItem ? '"prefixItems"' : '"properties"'} beside "if", or of both "then" and "else"`
  return `${what}, which "if" looks at, also into ${where} (true will do)`
}

/** The names of the fields, or the indexes of the items, that a schema evaluates by itself. */
function evaluatedBy(schema: unknown, keyword: Keyword): readonly string[] {
  const evaluating = keyword === 'unevaluatedItems' ? 'prefixItems' : 'properties'
  return isSchema(schema) ? Object.keys(schema[evaluating] ?? {}) : []
}

/** The schemas that always apply when this one does. */
function alwaysHolding(schema: Schema, resolve: Resolve): Schema[] {
  const { allOf, $ref } = schema
  const parts = Array.isArray(allOf) ? [...(allOf as unknown[])] : []
  if (typeof $ref === 'string') parts.push(resolve(schema, $ref))
  return parts.filter(isSchema)
}

/** The schema and all schemas that repeated steps lead to. */
function allInPlace(schema: Schema, resolve: Resolve, step: typeof inPlaceSchemas): ReadonlySet<Schema> {
  const all = new Set([schema])
  // The loop also visits the schemas that are added meanwhile.
  for (const one of all) for (const next of step(one, resolve)) all.add(next)
  return all
}
