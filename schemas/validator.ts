import { Ajv, MissingRefError, type Options, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { DataValidationCxt } from 'ajv/dist/types/index.js'
import formats from 'ajv-formats'
import { JobicoError, messageOf } from '../functions/process/errors.ts'
import { inDoubles, type Holder } from './numbers/exact-numbers.ts'
import { useExactComparisons, type Numbers } from './numbers/keywords.ts'
import { expansionFaults } from './reference-expansion.ts'
import { isEmail } from './formats/email.ts'
import { createChooser, type Choose } from './alternatives/choose.ts'
import { recordAlternatives } from './alternatives/record.ts'
import { faultOf, type Fault } from './fault.ts'
import { metaValidator } from './meta-schema.ts'
import {
  BUDGET_FIX,
  BudgetSpent,
  createMeter,
  MAX_STEPS,
  meterSubschemas,
  newBudget,
  type Budget,
  type Meter,
} from './budget.ts'
import { linearPattern } from './patterns/pattern.ts'
import { conditionFaults, lintFaults, subschemas, type Draft } from './lint.ts'
import { dynamicFaults, isDynamic } from './references.ts'
import { unevaluatedFaults } from './unevaluated.ts'
import { isRegex } from './formats/regex.ts'
import { isUrl } from './formats/url.ts'

export type { Fault } from './fault.ts'
export { BUDGET_FIX, isSpent, MAX_STEPS, newBudget, type Budget } from './budget.ts'

/**
 * Checks data and returns at most 20 faults; when nothing is wrong, always the same empty frozen list. A budget, by default
 * a new one, limits the steps. Data that would take more steps gets a fault that says so; whether it matches is then
 * unknown, and `isSpent` is true for the budget.
 */
export type Validate = (data: unknown, budget?: Budget) => readonly Fault[]

const mostFaults = 20
const none: readonly Fault[] = Object.freeze([])
const tooDeep: readonly Fault[] = Object.freeze([
  Object.freeze({ pointer: '', detail: 'is nested too deeply to be checked against the schema' }),
])

const tooCostly: readonly Fault[] = Object.freeze([
  Object.freeze({
    pointer: '',
    detail: `takes more than ${MAX_STEPS} steps to be checked against the schema; ${BUDGET_FIX}`,
  }),
])

const draftUris: Readonly<Record<string, Draft | undefined>> = {
  // What draft-07 adds are annotations, and conditions, which `conditionFaults` finds.
  'json-schema.org/draft-06/schema': 'draft-07',
  'json-schema.org/draft-07/schema': 'draft-07',
  'json-schema.org/draft/2020-12/schema': '2020-12',
}

const options: Options = {
  // The specification allows unknown keywords and formats as annotations; `lintFaults` finds those that are mistakes.
  strict: false,
  strictNumbers: true,
  ownProperties: true,
  verbose: true,
  logger: false,
  validateSchema: false, // metaValidator does this
  // ajv would repeat the code of a definition wherever it is referred to, and so need seconds for a large schema. A small
  // definition checks faster as a copy.
  inlineRefs: 10,
}

/**
 * Compiles a JSON Schema that is new: draft-06, draft-07 or 2020-12 as its `$schema` says, draft-07 without `$schema`. Throws
 * SCHEMA_INVALID with the place and the reason when the schema is not valid, refers to another document, has a pattern that
 * does not run in linear time, or would judge data in another way than it says. Validation never changes the data. Formats
 * that the drafts do not define, or that ajv-formats lacks, are not checked.
 */
export function compileSchema(schema: unknown): Validate {
  return compileOrThrow(schema, judgementFaults)
}

/**
 * Compiles a schema that is already in use, like `compileSchema` but without the lint rules. Those were applied when the
 * schema was new, maybe by an earlier version; a newer rule must not stop an event that is being served. Throws
 * SCHEMA_INVALID for a schema that a process can not run, or not within its limits.
 */
export function compileSchemaInUse(schema: unknown): Validate {
  return compileOrThrow(schema, () => [])
}

function compileOrThrow(schema: unknown, judge: Judge): Validate {
  try {
    return compileWith(options, schema, mostFaults, judge)
  } catch (thrown) {
    throw invalidSchema(thrown)
  }
}

/** Finds where a schema would judge data in another way than it says. */
type Judge = (schema: unknown, draft: Draft) => readonly Fault[]

function judgementFaults(schema: unknown, draft: Draft): readonly Fault[] {
  const faults = [...lintFaults(schema, draft), ...dynamicFaults(schema)]
  return faults.length > 0 || draft === 'draft-07' ? faults : unevaluatedFaults(schema)
}

/**
 * Compiles one of our own schemas that has defaults. Validation writes the defaults into the data and reports every fault.
 * For Job files and the like, never for the data of events.
 */
export function compileWithDefaults(schema: object): Validate {
  return compileWith({ ...options, allErrors: true, useDefaults: true }, schema, Infinity, judgementFaults)
}

function compileWith(withOptions: Options, schema: unknown, most: number, judge: Judge): Validate {
  if (typeof schema !== 'boolean' && !isRecord(schema)) {
    throw new JobicoError('SCHEMA_INVALID', 'a JSON Schema must be an object, or true or false')
  }
  const draft = draftOf(schema)
  const { value, originals } = inDoubles(schema)
  const body = withoutDraft(value as typeof schema)
  const ofSchema = new Map([...originals, [body, originals.get(value) ?? body]])
  const meter = createMeter()
  const numbers: Numbers = { ofSchema, ofData: new Map(), spend: meter.spend }
  const ajv = createAjv(draft, { ...withOptions, meta: !hasMetaSchema(body) }, meter, numbers)
  if (isDynamic(body) && dynamicFaults(body).length === 0) followAsReferences(ajv)
  // This check comes first, so that everything after it can rely on the shape of the schema.
  const isValid = metaValidator(draft)
  if (!isValid(body)) throwFaults((isValid.errors ?? []).slice(0, 3).map(faultOf))
  if (isDraft06(schema)) throwFaults(conditionFaults(body).slice(0, 3))
  throwFaults(expansionFaults(body))
  throwFaults(judge(withoutDraft(schema), draft).slice(0, 3))
  const choose = createChooser(body, numbers)
  return guarded(ajv.compile(body), { meter, numbers, choose, most })
}

/** Whether a schema contains a meta-schema. ajv would have two then, since it brings its own. */
function hasMetaSchema(schema: unknown): boolean {
  if (!isRecord(schema)) return false
  const { $id } = schema
  if (typeof $id === 'string' && META_SCHEMA.test($id)) return true
  return subschemas(schema).some(([, child]) => hasMetaSchema(child))
}

const META_SCHEMA = /^https?:\/\/json-schema\.org\/draft/

/** Where a `$dynamicRef` has only one target, it is a `$ref`. ajv would not find the target outside of a recursion. */
function followAsReferences(ajv: Ajv | Ajv2020): void {
  const { $ref, $dynamicRef } = ajv.RULES.all
  if (typeof $ref === 'object' && typeof $dynamicRef === 'object')
    $dynamicRef.definition = { ...$ref.definition, keyword: '$dynamicRef' }
}

function createAjv(draft: Draft, withOptions: Options, meter: Meter, numbers: Numbers): Ajv | Ajv2020 {
  const regExp = Object.assign((pattern: string) => meteredPattern(pattern, meter), {
    code: 'meteredPattern',
  })
  // ajv's optimizer takes longer than all the rest, and what it saves V8 saves as well.
  const all = { ...withOptions, code: { regExp, optimize: false } }
  const ajv = draft === 'draft-07' ? new Ajv(all) : new Ajv2020(all)
  // Since draft-06, `id` is an annotation.
  ajv.removeKeyword('id')
  formats.default(ajv)
  // The expression of ajv-formats takes quadratic time.
  ajv.addFormat('url', isUrl)
  ajv.addFormat('email', isEmail)
  ajv.addFormat('regex', isRegex)
  useExactComparisons(ajv, numbers)
  recordAlternatives(ajv)
  meterSubschemas(ajv, meter)
  return ajv
}

function meteredPattern(text: string, meter: Meter) {
  const pattern = linearPattern(text)
  return {
    // ajv compares expressions by this text.
    toString: () => text,
    test(value: string) {
      meter.spend(pattern.cost(value.length))
      return pattern.test(value)
    },
  }
}

function draftOf(schema: boolean | Readonly<Record<string, unknown>>): Draft {
  const named = typeof schema === 'boolean' ? undefined : schema['$schema']
  if (named === undefined) return 'draft-07'
  const draft =
    typeof named === 'string' ? draftUris[named.replace(/^https?:\/\//, '').replace(/#$/, '')] : undefined
  if (draft) return draft
  throw new JobicoError(
    'SCHEMA_INVALID',
    `the draft ${JSON.stringify(named)} of $schema is not supported; write the schema for draft-07 ` +
      '("http://json-schema.org/draft-07/schema#") or 2020-12 ("https://json-schema.org/draft/2020-12/schema")',
  )
}

function isDraft06(schema: boolean | Readonly<Record<string, unknown>>): boolean {
  return typeof schema !== 'boolean' && String(schema['$schema']).includes('draft-06')
}

// The draft has already chosen the class of ajv. ajv would refuse a harmless variant of the URI, such as https for draft-07.
function withoutDraft(
  schema: boolean | Readonly<Record<string, unknown>>,
): boolean | Record<string, unknown> {
  if (typeof schema === 'boolean') return schema
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== '$schema'))
}

interface Guard {
  readonly meter: Meter
  readonly numbers: Numbers
  readonly choose: Choose
  readonly most: number
}

function guarded(check: ValidateFunction, { meter, numbers, choose, most }: Guard): Validate {
  return (data, budget = newBudget()) => {
    meter.begin(budget)
    try {
      const { value, originals, holder } = inDoubles(data)
      numbers.ofData = originals
      meter.spend(originals.size)
      const isValid = holder === undefined ? check(value) : check(value, placeIn(holder))
      return isValid ? none : distinct(choose(check.errors ?? [], most).map(faultOf))
    } catch (thrown) {
      if (thrown instanceof RangeError) return tooDeep
      if (thrown instanceof BudgetSpent) return tooCostly
      throw thrown
    }
  }
}

function placeIn(holder: Holder): DataValidationCxt {
  return {
    instancePath: '',
    parentData: holder,
    parentDataProperty: 'value',
    rootData: holder.value as object,
    dynamicAnchors: {},
  }
}

/** Leaves out faults that are told already: alternatives may be at fault for the same reason. */
function distinct(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()]
}

function throwFaults(faults: readonly Fault[]): void {
  if (faults.length === 0) return
  const texts = faults.map(({ pointer, detail }) => `at ${pointer || 'its top'}: ${detail}`)
  throw new JobicoError('SCHEMA_INVALID', `the JSON Schema is not valid ${texts.join('; ')}`)
}

function invalidSchema(cause: unknown): JobicoError {
  if (cause instanceof JobicoError) return cause
  if (cause instanceof RangeError) {
    return new JobicoError(
      'SCHEMA_INVALID',
      'the JSON Schema is nested too deeply, or has too many alternatives or properties in one place',
      { cause },
    )
  }
  if (cause instanceof MissingRefError) return missingReference(cause)
  return new JobicoError('SCHEMA_INVALID', `the JSON Schema is not valid: ${messageOf(cause)}`, { cause })
}

function missingReference(cause: MissingRefError): JobicoError {
  const { missingRef, missingSchema } = cause
  const message = missingSchema
    ? `the JSON Schema refers to ${missingRef}, which is another document, and none is ever fetched; copy what it needs ` +
      'under "definitions" ("$defs" in 2020-12) and refer to it with "#/definitions/…"'
    : `the JSON Schema refers to ${missingRef}, which is not in it; correct the $ref or add what it refers to`
  return new JobicoError('SCHEMA_INVALID', message, { cause })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
