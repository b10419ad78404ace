import { closest } from './closest.ts'

/** One thing that is wrong with data: the place as a JSON Pointer, and a sentence that says what. */
export interface Fault {
  readonly pointer: string
  readonly detail: string
}

/** The most characters of a pointer; a longer one ends with an ellipsis. */
const MOST_POINTER = 500

/** The most characters of a list of values, or of a schema, within a message. */
const MOST_LISTED = 200
/** The shortest and the longest word, and the most candidates, for which "did you mean" is tried. */
const LEAST_WORD = 3
const MOST_WORD = 64
const MOST_CANDIDATES = 1_000

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
  const known = Object.keys((parentSchema?.['properties'] as object | undefined) ?? {})
  return `unknown field ${quote(name)}${didYouMean(name, known)}`
}
const oneOfValues: Wording = ({ params, data }) => {
  const values = Array.isArray(params['allowedValues']) ? (params['allowedValues'] as unknown[]) : []
  const words = values.filter((value) => typeof value === 'string')
  const meant = typeof data === 'string' ? didYouMean(data, words) : ''
  return `must be one of ${list(values)}${meant}`
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
  enum: oneOfValues,
  discriminator: (violation) =>
    violation.params['missingProperty'] === undefined
      ? oneOfValues(violation)
      : `${missingField(violation)}; it ${oneOfValues(violation)}`,
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
  contains: ({ params, parentSchema }) => {
    const { minContains, maxContains } = params
    const most = maxContains === undefined ? '' : ` and at most ${show(maxContains)}`
    const items = (maxContains ?? minContains) === 1 ? 'item that matches' : 'items that match'
    return `must hold at least ${show(minContains)}${most} ${items} ${describe(parentSchema?.['contains'])}`
  },
  oneOf: ({ params }) =>
    Array.isArray(params['passingSchemas'])
      ? `matches more than one of the alternatives of oneOf: ${passing(params['passingSchemas'])}`
      : `matches none of the alternatives of oneOf${show(params['note'] ?? '')}`,
  anyOf: ({ params }) => `matches none of the alternatives of anyOf${show(params['note'] ?? '')}`,
  not: ({ parentSchema }) => `matches what must not match: ${describe(parentSchema?.['not'])}`,
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

/** The values, as many as are told. */
function list(values: readonly unknown[]): string {
  const texts: string[] = []
  let length = 0
  for (const value of values) {
    const text = shorten(JSON.stringify(value), MOST_LISTED)
    length += text.length + 2
    if (texts.length > 0 && length > MOST_LISTED) return `${texts.join(', ')}, … (${values.length} values)`
    texts.push(text)
  }
  return texts.join(', ')
}

/**
 * The hint that a word misspells one of the candidates; empty when it is like none. Short words are like any other; long ones
 * and long lists cost too much.
 */
function didYouMean(word: string, candidates: readonly string[]): string {
  if (word.length < LEAST_WORD || word.length > MOST_WORD) return ''
  const meant = candidates.includes(word) ? undefined : closest(word, candidates.slice(0, MOST_CANDIDATES))
  return meant === undefined ? '' : `; did you mean ${quote(meant)}?`
}

function passing(indexes: readonly unknown[]): string {
  return indexes.map((index) => Number(index) + 1).join(' and ')
}

/** What a schema stands for: its own words if it has any, or else its text. */
function describe(schema: unknown): string {
  const { title, description } = (schema ?? {}) as Readonly<Record<string, unknown>>
  const words = [description, title].find((text) => typeof text === 'string')
  return words === undefined ? shorten(JSON.stringify(schema), MOST_LISTED) : show(words)
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
