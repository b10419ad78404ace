import { closest } from './closest.ts'

/** One thing that is wrong with data: the place as a JSON Pointer, and a sentence that says what. */
export interface Fault {
  readonly pointer: string
  readonly detail: string
}

/** The most characters of a pointer; a longer one ends with an ellipsis. */
const MOST_POINTER = 500

/** The validator's report of a broken rule; the shape is ajv's. */
export interface Violation {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string | undefined
  /** Set when the name of a field breaks the rule, not its value. */
  readonly propertyName?: string | undefined
  readonly data?: unknown
  readonly parentSchema?: Readonly<Record<string, unknown>> | undefined
}

type Wording = (violation: Violation) => string

/** Turns a violation into a fault. For a missing or unknown field, the pointer names that field and not its object. */
export function faultOf(violation: Violation): Fault {
  const { instancePath, params, keyword, message, propertyName } = violation
  const named = propertyName ?? namedField(params)
  const detail = wordings[keyword]?.(violation) ?? message ?? `breaks the rule "${keyword}"`
  const pointer = named === undefined ? instancePath : `${instancePath}/${pointerToken(named)}`
  return {
    // The sender chooses the names of fields: one may be as long as all the data.
    pointer: shorten(pointer, MOST_POINTER),
    detail: shorten(propertyName === undefined ? detail : `the name of the field ${detail}`, 400),
  }
}

/** A name as one step of a JSON Pointer, with `~` and `/` escaped. */
export function pointerToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function namedField(params: Violation['params']): string | undefined {
  const named =
    params['missingProperty'] ??
    params['additionalProperty'] ??
    params['unevaluatedProperty'] ??
    params['propertyName']
  return typeof named === 'string' ? named : undefined
}

const atLeast =
  (what: string): Wording =>
  ({ params }) =>
    `must have at least ${show(params['limit'])} ${what}`
const atMost =
  (what: string): Wording =>
  ({ params }) =>
    `must have at most ${show(params['limit'])} ${what}`
const bound: Wording = ({ params }) => `must be ${show(params['comparison'])} ${show(params['limit'])}`
const unknownField: Wording = ({ params, parentSchema }) => {
  const name = namedField(params) ?? ''
  const meant = closest(name, Object.keys((parentSchema?.['properties'] as object | undefined) ?? {}))
  return `unknown field ${quote(name)}${meant === undefined ? '' : `; did you mean ${quote(meant)}?`}`
}
const missingField: Wording = ({ params }) => `the field ${quote(namedField(params) ?? '')} is missing`
const missingBeside: Wording = (violation) =>
  `${missingField(violation)}, and ${quote(show(violation.params['property']))} needs it`

const wordings: Readonly<Record<string, Wording | undefined>> = {
  required: missingField,
  dependencies: missingBeside,
  dependentRequired: missingBeside,
  additionalProperties: unknownField,
  unevaluatedProperties: unknownField,
  type: ({ params, data }) => `must be ${typeNames(params['type'])}, but is ${typeNames(typeOf(data))}`,
  enum: ({ params }) => `must be one of ${shorten(list(params['allowedValues']), 200)}`,
  const: ({ params }) => `must be ${shorten(JSON.stringify(params['allowedValue']), 200)}`,
  minimum: bound,
  maximum: bound,
  exclusiveMinimum: bound,
  exclusiveMaximum: bound,
  multipleOf: ({ params }) => `must be a multiple of ${show(params['multipleOf'])}`,
  minLength: atLeast('characters'),
  maxLength: atMost('characters'),
  minItems: atLeast('items'),
  maxItems: atMost('items'),
  minProperties: atLeast('fields'),
  maxProperties: atMost('fields'),
  items: atMost('items'),
  additionalItems: atMost('items'),
  unevaluatedItems: atMost('items'),
  uniqueItems: ({ params }) =>
    `must not hold an item twice: items ${show(params['j'])} and ${show(params['i'])} are alike`,
  pattern: ({ params, parentSchema }) => {
    const described = parentSchema?.['description']
    return `must match the pattern ${show(params['pattern'])}${typeof described === 'string' ? ` (${described})` : ''}`
  },
  format: ({ params }) => `must have the format ${quote(show(params['format']))}`,
  propertyNames: ({ params }) => `the name of the field ${quote(namedField(params) ?? '')} is not allowed`,
  contains: ({ params }) => `must hold at least ${show(params['minContains'])} item that matches`,
  oneOf: ({ params }) =>
    params['passingSchemas']
      ? 'matches more than one of the alternatives of oneOf'
      : 'matches none of the alternatives of oneOf',
  anyOf: () => 'matches none of the alternatives of anyOf',
  not: () => 'matches what must not match',
  'false schema': () => 'is not allowed here',
}

function typeOf(data: unknown): string {
  if (data === null) return 'null'
  if (Array.isArray(data)) return 'array'
  return typeof data
}

function typeNames(type: unknown): string {
  return [type].flat().map(withArticle).join(' or ')
}

function withArticle(type: unknown): string {
  if (type === 'null') return 'null'
  return `${/^[aeiou]/.test(String(type)) ? 'an' : 'a'} ${String(type)}`
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(', ') : ''
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function quote(name: string): string {
  return `"${shorten(name, 100)}"`
}

function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
