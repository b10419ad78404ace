import { _, type KeywordCxt } from 'ajv'
import type AjvCore from 'ajv/dist/core.js'

import { validatingKeywords } from './lint.ts'

/** What may still be spent on checking data, less than nothing where it was too little; a step is some 0.4 µs at worst. */
export interface Budget {
  steps: number
}

/**
 * The most steps that the data of one request may take. A mebibyte of the smallest values, each of which is looked at
 * three times, takes fewer; all of them take less than a second or so.
 */
export const MAX_STEPS = 2_000_000

/** What may be spent on one request. */
export function newBudget(): Budget {
  return { steps: MAX_STEPS }
}

/** Whether something was not checked to its end, as the budget was too small for it. */
export function isSpent(budget: Budget): boolean {
  return budget.steps < 0
}

/** What helps where a budget was too small. */
export const BUDGET_FIX =
  'send fewer events at once or less data, or make the schema simpler: maxLength instead of large patterns, fewer alternatives'

/** Thrown from within a check whose budget is spent. */
export class BudgetSpent extends Error {}

/** Counts what one validator does. */
export interface Meter {
  /** Counts from now on against a budget. */
  begin(budget: Budget): void
  /** Throws BudgetSpent. */
  spend(steps: number): void
}

/** Makes a meter that is not counting yet. */
export function createMeter(): Meter {
  let current: Budget = { steps: Infinity }
  return {
    begin: (budget) => (current = budget),
    spend(steps) {
      current.steps -= steps
      if (current.steps < 0) throw new BudgetSpent('the budget of the check is spent')
    },
  }
}

type Schema = Readonly<Record<string, unknown>>

const KEYWORD = 'jobicoMeter'
/** Keywords whose entries are gone through whatever the data. */
const LISTS = ['properties', 'required', 'dependencies', 'dependentRequired', 'dependentSchemas']
/** Keywords whose alternatives may each leave an error behind. */
const ALTERNATIVES = ['anyOf', 'oneOf', 'allOf']
const APPLICATORS = ['$ref', '$dynamicRef', ...ALTERNATIVES, 'not', 'if', 'properties', 'items', 'contains']
const OF_CHARACTERS = ['format', 'minLength', 'maxLength']
const OF_ITEMS = ['items', 'unevaluatedItems', 'uniqueItems']
const OF_FIELDS = ['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties']

/** Makes every subschema that ajv compiles say to the meter what it is about to do, before anything else. */
export function meterSubschemas(ajv: AjvCore.default, meter: Meter): void {
  const definition = {
    keyword: KEYWORD,
    type: [],
    schemaType: [],
    // ajv adds these as keywords of their own where it is told of them by addKeyword.
    implements: validatingKeywords.filter((keyword) => keyword !== 'type'),
    code({ gen, data, parentSchema }: KeywordCxt) {
      const charge = chargeOf(parentSchema, meter.spend)
      gen.code(_`${gen.scopeValue('func', { ref: charge })}(${data})`)
    },
  }
  ajv.RULES.rules.unshift({ rules: [{ keyword: KEYWORD, definition }] })
}

function chargeOf(schema: Schema, spend: Meter['spend']): (data: unknown) => void {
  const own = 1 + total(schema, LISTS) / 16 + alternativesCost(schema)
  const perCharacter = count(schema, OF_CHARACTERS) / 64
  const perItem = count(schema, OF_ITEMS) / 16 + count(schema, ['contains'])
  const perField = count(schema, OF_FIELDS)
  if (perCharacter + perItem + perField === 0) return () => spend(own)
  return (data) => {
    if (typeof data === 'string') spend(own + data.length * perCharacter)
    else if (Array.isArray(data)) spend(own + data.length * perItem)
    else if (typeof data === 'object' && data !== null && perField > 0)
      spend(own + Object.keys(data).length * perField)
    else spend(own)
  }
}

/** An alternative that fails may leave an error behind, and many where others are within it. */
function alternativesCost(schema: Schema): number {
  const alternatives = ALTERNATIVES.flatMap((keyword) => Object.values(schema[keyword] ?? {}) as unknown[])
  return alternatives.reduce((sum: number, one) => sum + (hasSubschemas(one) ? 2 : 0.5), 0)
}

function hasSubschemas(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && APPLICATORS.some((keyword) => keyword in schema)
}

/** How many entries the values of these keywords have in all. */
function total(schema: Schema, keywords: readonly string[]): number {
  return keywords.reduce((sum, keyword) => sum + Object.keys(schema[keyword] ?? {}).length, 0)
}

function count(schema: Schema, keywords: readonly string[]): number {
  return keywords.filter((keyword) => schema[keyword] !== undefined).length
}
