import {
  _,
  type CodeKeywordDefinition,
  type FuncKeywordDefinition,
  type KeywordCxt,
  type SchemaValidateFunction,
} from 'ajv'
import type AjvCore from 'ajv/dist/core.js'
import type { DataValidateFunction, DataValidationCxt, KeywordErrorCxt } from 'ajv/dist/types/index.js'

import { hasExactNumbers, type Decimal } from '../../functions/cloudevents/exact-number.ts'
import { canonicalJson, firstTwice, membership } from './equality.ts'
import {
  compare,
  costOfCompare,
  costOfMultiple,
  decimal,
  isMultiple,
  originalOf,
  type Originals,
} from './exact-numbers.ts'

/** What the keywords need beside the doubles that ajv gives them. */
export interface Numbers {
  readonly ofSchema: Originals
  /** Of the data that is being checked; set before each check. */
  ofData: Originals
  /** Takes steps from the budget of the check. */
  readonly spend: (steps: number) => void
}

/**
 * Replaces ajv's keywords that compare values. These compare numbers as they were written, not as the doubles next to them.
 * `uniqueItems` and `enum` take linear time: those of ajv compare each item with every other, and each value with every
 * choice, so one request with many items could block the process for minutes.
 */
export function useExactComparisons(ajv: AjvCore.default, numbers: Numbers): void {
  const definitions = [
    ...BOUNDS.map((definition) => bound(definition, numbers)),
    multipleOf(numbers),
    constant(numbers),
    uniqueItems(numbers),
    enumeration(numbers),
  ]
  for (const definition of definitions) ajv.removeKeyword(String(definition.keyword)).addKeyword(definition)
}

/** A bound, the operator of its fault, and whether a comparison with the bound is a fault. */
interface Bound {
  readonly keyword: string
  readonly comparison: string
  readonly isFault: (order: number) => boolean
}

const BOUNDS: readonly Bound[] = [
  { keyword: 'minimum', comparison: '>=', isFault: (order) => order < 0 },
  { keyword: 'maximum', comparison: '<=', isFault: (order) => order > 0 },
  { keyword: 'exclusiveMinimum', comparison: '>', isFault: (order) => order <= 0 },
  { keyword: 'exclusiveMaximum', comparison: '<', isFault: (order) => order >= 0 },
]

/** Judges the number at a place. */
type Judge = (value: number, parent: unknown, key: string | number) => boolean

function bound({ keyword, comparison, isFault }: Bound, numbers: Numbers): CodeKeywordDefinition {
  return {
    keyword,
    type: 'number',
    schemaType: 'number',
    error: {
      message: 'is beyond a bound',
      params: (cxt) => _`{comparison: ${comparison}, limit: ${written(cxt, numbers)}}`,
    },
    code(cxt) {
      const { schema, isExact, number } = schemaNumber(cxt, numbers)
      const isBeyond: Judge = (value, parent, key) => {
        const own = decimal(originalOf(numbers.ofData, value, parent, key))
        numbers.spend(costOfCompare(own, number))
        return isFault(compare(own, number))
      }
      // Doubles are ordered as their shortest texts are.
      const quick = _`${dataIsExact(cxt, numbers)} ? ${called(cxt, isBeyond)} : !(${cxt.data} ${operator(comparison)} ${schema})`
      cxt.fail(isExact ? called(cxt, isBeyond) : quick)
    },
  }
}

function operator(comparison: string) {
  const operators: Readonly<Record<string, ReturnType<typeof _>>> = {
    '>=': _`>=`,
    '<=': _`<=`,
    '>': _`>`,
    '<': _`<`,
  }
  return operators[comparison] ?? _`===`
}

function multipleOf(numbers: Numbers): CodeKeywordDefinition {
  return {
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    error: { message: 'must be a multiple', params: (cxt) => _`{multipleOf: ${written(cxt, numbers)}}` },
    code(cxt) {
      const { number } = schemaNumber(cxt, numbers)
      const isNone: Judge = (value, parent, key) => {
        const own = decimal(originalOf(numbers.ofData, value, parent, key))
        numbers.spend(costOfMultiple(own, number))
        return !isMultiple(own, number)
      }
      const grid = gridOf(number)
      const asked = called(cxt, isNone)
      if (grid === undefined) cxt.fail(asked)
      else {
        const nth = cxt.gen.const('nth', _`Math.round(${cxt.data} * ${grid.scale})`)
        const isSmall = _`${nth} < ${MOST_UNITS} && ${nth} > ${-MOST_UNITS}`
        const isOff = _`${nth} / ${grid.scale} !== ${cxt.data} || ${nth} % ${grid.units} !== 0`
        cxt.fail(_`!(${dataIsExact(cxt, numbers)}) && ${isSmall} ? ${isOff} : ${asked}`)
      }
    },
  }
}

/** Each number of fewer units is the shortest text of the double next to it. */
const MOST_UNITS = 1e15
/** The largest power of ten that a double has exactly is 10^22. */
const MOST_DECIMALS = 22

/**
 * A step as a whole number of units, `scale` of which are 1. A double that is the one next to a whole number of units, of less
 * than MOST_UNITS, has that number as its shortest text; so a division tells what decimals would, and is quicker.
 */
function gridOf(step: Decimal): { readonly units: number; readonly scale: number } | undefined {
  const decimals = step.exponent < 0n ? Number(-step.exponent) : 0
  const units = Number(step.digits) * 10 ** Math.max(0, Number(step.exponent))
  return decimals <= MOST_DECIMALS && units < MOST_UNITS ? { units, scale: 10 ** decimals } : undefined
}

function constant(numbers: Numbers): CodeKeywordDefinition {
  return {
    keyword: 'const',
    error: { message: 'must be a constant', params: (cxt) => _`{allowedValue: ${written(cxt, numbers)}}` },
    code(cxt) {
      const wanted = schemaValue(cxt, numbers)
      const isComposite = typeof cxt.schema === 'object' && cxt.schema !== null
      const text = canonicalJson(wanted)
      const differs: Judge = (value, parent, key) => {
        if (size(value) !== size(cxt.schema)) return true
        const own = canonicalJson(originalOf(numbers.ofData, value, parent, key))
        numbers.spend(own.length / 4)
        return own !== text
      }
      const quick = _`${cxt.data} !== ${cxt.schemaCode}`
      if (isComposite || hasExactNumbers(wanted)) cxt.fail(called(cxt, differs))
      else if (typeof wanted === 'number') {
        cxt.fail(_`${dataIsExact(cxt, numbers)} ? ${called(cxt, differs)} : ${quick}`)
      } else cxt.fail(quick)
    },
  }
}

/** How many members an object or array has; other values have none. */
function size(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}

function uniqueItems(numbers: Numbers): FuncKeywordDefinition {
  const validate: SchemaValidateFunction = (isWanted: boolean, items: readonly unknown[], _schema, at) => {
    const twice = isWanted
      ? firstTwice(dataValue(numbers, items, at) as unknown[], charge(numbers))
      : undefined
    if (twice === undefined) return true
    validate.errors = [{ keyword: 'uniqueItems', params: twice, message: 'must not hold an item twice' }]
    return false
  }
  return { keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate }
}

function enumeration(numbers: Numbers): FuncKeywordDefinition {
  return {
    keyword: 'enum',
    schemaType: 'array',
    compile(inDoubles: readonly unknown[]) {
      const choices = (numbers.ofSchema.get(inDoubles) ?? inDoubles) as readonly unknown[]
      const isAmong = membership(choices, charge(numbers))
      const validate: DataValidateFunction = (value: unknown, at) => {
        if (isAmong(dataValue(numbers, value, at))) return true
        validate.errors = [
          { keyword: 'enum', params: { allowedValues: choices }, message: 'must be one of a list' },
        ]
        return false
      }
      return validate
    },
  }
}

function charge({ spend }: Numbers): (characters: number) => void {
  return (characters) => {
    spend(characters / 4)
  }
}

function dataValue({ ofData }: Numbers, value: unknown, at: DataValidationCxt | undefined): unknown {
  return at === undefined ? value : originalOf(ofData, value, at.parentData, at.parentDataProperty)
}

/** What the code of a keyword and that of its fault both have. */
type Context = Pick<KeywordErrorCxt, 'gen' | 'keyword' | 'schema' | 'parentSchema'>

function schemaValue({ schema, parentSchema, keyword }: Context, { ofSchema }: Numbers): unknown {
  return originalOf(ofSchema, schema, parentSchema, keyword)
}

interface SchemaNumber {
  /** As ajv has it. */
  readonly schema: number
  readonly number: Decimal
  /** Whether the schema has a number that is no double. */
  readonly isExact: boolean
}

function schemaNumber(cxt: Context, numbers: Numbers): SchemaNumber {
  const value = schemaValue(cxt, numbers)
  return { schema: cxt.schema as number, number: decimal(value), isExact: hasExactNumbers(value) }
}

/** The code of the keyword's value, as it was written, for its fault. */
function written(cxt: Context, numbers: Numbers) {
  return cxt.gen.scopeValue('schema', { ref: schemaValue(cxt, numbers) })
}

/** The code that tells whether the data has numbers that are no doubles. */
function dataIsExact({ gen }: KeywordCxt, numbers: Numbers) {
  return _`${gen.scopeValue('obj', { ref: numbers })}.ofData.size > 0`
}

/** The code that asks a judge about the data. */
function called({ gen, data, it }: KeywordCxt, judge: Judge) {
  return _`${gen.scopeValue('func', { ref: judge })}(${data}, ${it.parentData}, ${it.parentDataProperty})`
}
