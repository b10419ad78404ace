import { _, type KeywordCxt } from 'ajv'
import type AjvCore from 'ajv/dist/core.js'

import { validatingKeywords } from './lint.ts'

/** The steps that checking data may still take; negative when they were not enough. A step takes some 0.4 µs at worst. */
export interface Budget {
  steps: number
}

/**
 * The most steps that the data of one request may take; together they take about a second at most. One MiB of the smallest
 * values, each checked three times, takes fewer steps.
 */
export const MAX_STEPS = 2_000_000

/** A new budget for one request, of MAX_STEPS. */
export function newBudget(): Budget {
  return { steps: MAX_STEPS }
}

/** Whether the budget was too small, so that some data was not checked to its end. */
export function isSpent(budget: Budget): boolean {
  return budget.steps < 0
}

/** The advice in messages about a budget that was too small. */
export const BUDGET_FIX =
  'send fewer events at once or less data, or make the schema simpler: maxLength instead of large patterns, fewer alternatives'

/** Thrown within a check when its budget is spent. */
export class BudgetSpent extends Error {}

/** Counts the steps of one validator. */
export interface Meter {
  /** Takes the steps that follow from this budget. */
  begin(budget: Budget): void
  /** Takes steps from the budget. Throws BudgetSpent when it has too few. */
  spend(steps: number): void
}

/** Makes a meter without limit, until its `begin` is called. */
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
/** Keywords whose entries are all visited, whatever the data. */
const LISTS = ['properties', 'required', 'dependencies', 'dependentRequired', 'dependentSchemas']
/** Keywords of which each alternative may add an error. */
const ALTERNATIVES = ['anyOf', 'oneOf', 'allOf']
const APPLICATORS = ['$ref', '$dynamicRef', ...ALTERNATIVES, 'not', 'if', 'properties', 'items', 'contains']
const OF_CHARACTERS = ['format', 'minLength', 'maxLength']
const OF_ITEMS = ['items', 'unevaluatedItems', 'uniqueItems']
const OF_FIELDS = ['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties']

/** Makes every subschema that ajv compiles take its steps from the meter before it checks anything. */
export function meterSubschemas(ajv: AjvCore.default, meter: Meter): void {
  const definition = {
    keyword: KEYWORD,
    type: [],
    schemaType: [],
    // Not through addKeyword: that would add these as keywords of their own.
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

/** An alternative that fails may add an error, or many when it has subschemas itself. */
function alternativesCost(schema: Schema): number {
  const alternatives = ALTERNATIVES.flatMap((keyword) => Object.values(schema[keyword] ?? {}) as unknown[])
  return alternatives.reduce((sum: number, one) => sum + (hasSubschemas(one) ? 2 : 0.5), 0)
}

function hasSubschemas(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && APPLICATORS.some((keyword) => keyword in schema)
}

/** The number of entries that the values of these keywords have together. */
function total(schema: Schema, keywords: readonly string[]): number {
  return keywords.reduce((sum, keyword) => sum + Object.keys(schema[keyword] ?? {}).length, 0)
}

function count(schema: Schema, keywords: readonly string[]): number {
  return keywords.filter((keyword) => schema[keyword] !== undefined).length
}
