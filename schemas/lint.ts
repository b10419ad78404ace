import { editDistance } from './closest.ts'
import { canonicalJson } from './numbers/equality.ts'
import { pointerToken, type Fault } from './fault.ts'
import { linearPattern } from './patterns/pattern.ts'

/** The drafts of JSON Schema that Jobico supports. */
export type Draft = 'draft-07' | '2020-12'

type Schema = Readonly<Record<string, unknown>>

// Only keywords that can refuse data: a misspelt annotation does no harm.
const draft07Keywords = [
  ...['type', 'enum', 'const', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...[
    'minLength',
    'maxLength',
    'pattern',
    'format',
    'items',
    'additionalItems',
    'minItems',
    'maxItems',
    'uniqueItems',
  ],
  ...[
    'contains',
    'required',
    'properties',
    'patternProperties',
    'additionalProperties',
    'propertyNames',
    'dependencies',
  ],
  ...['minProperties', 'maxProperties', 'if', 'then', 'else', 'allOf', 'anyOf', 'oneOf', 'not', '$ref'],
]
const newerKeywords = [
  ...[
    'prefixItems',
    'minContains',
    'maxContains',
    'dependentRequired',
    'dependentSchemas',
    'unevaluatedItems',
  ],
  ...['unevaluatedProperties', '$dynamicRef'],
]
/** The keywords of both drafts that check data. */
export const validatingKeywords: readonly string[] = [...draft07Keywords, ...newerKeywords]
const annotations = [
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
]
const containers = [
  'definitions',
  '$defs',
  '$id',
  '$schema',
  '$anchor',
  '$dynamicAnchor',
  '$vocabulary',
  'contentSchema',
]
const content = ['contentEncoding', 'contentMediaType']
const known = new Set([...validatingKeywords, ...annotations, ...containers, ...content])

const single = [
  'additionalItems',
  'contains',
  'additionalProperties',
  'propertyNames',
  'if',
  'then',
  'else',
  'not',
]
const singleOrList = [
  ...single,
  'items',
  'unevaluatedItems',
  'unevaluatedProperties',
  'allOf',
  'anyOf',
  'oneOf',
  'prefixItems',
]
const mapped = ['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies']

/**
 * Finds what the specification allows but is surely a mistake: a misspelt keyword, a keyword of another draft (it would be
 * ignored silently), and a regular expression that the linear-time engine can not run. Other unknown keywords are no fault.
 */
export function lintFaults(schema: unknown, draft: Draft, pointer = ''): Fault[] {
  if (!isRecord(schema)) return []
  const here = Object.keys(schema).flatMap((keyword) => keywordFaults(schema, keyword, draft, pointer))
  return [...here, ...subschemas(schema).flatMap(([path, child]) => lintFaults(child, draft, pointer + path))]
}

/** Finds conditions, which draft-06 does not have; it would let be what they say. */
export function conditionFaults(schema: unknown, pointer = ''): Fault[] {
  if (!isRecord(schema)) return []
  const here = ['if', 'then', 'else'].filter((keyword) => schema[keyword] !== undefined)
  const detail =
    'is a keyword of draft-07, and this is draft-06; write "$schema": "http://json-schema.org/draft-07/schema#"'
  return [
    ...here.map((keyword) => ({ pointer: `${pointer}/${keyword}`, detail: `"${keyword}" ${detail}` })),
    ...subschemas(schema).flatMap(([path, child]) => conditionFaults(child, pointer + path)),
  ]
}

function keywordFaults(schema: Schema, keyword: string, draft: Draft, pointer: string): Fault[] {
  const at = `${pointer}/${pointerToken(keyword)}`
  const rule = Object.hasOwn(rules, keyword) ? rules[keyword] : undefined
  if (rule !== undefined) return rule({ schema, value: schema[keyword], draft, at, isTop: pointer === '' })
  if (draft === 'draft-07' && newerKeywords.includes(keyword)) {
    const fix = 'add "$schema": "https://json-schema.org/draft/2020-12/schema" at the top'
    return [{ pointer: at, detail: `"${keyword}" is a keyword of 2020-12, and this is draft-07; ${fix}` }]
  }
  const meant = known.has(keyword) ? undefined : misspelt(keyword)
  return meant === undefined
    ? []
    : [{ pointer: at, detail: `"${keyword}" is no keyword; did you mean "${meant}"?` }]
}

interface Place {
  readonly schema: Schema
  readonly value: unknown
  readonly draft: Draft
  readonly at: string
  readonly isTop: boolean
}

const rules: Readonly<Record<string, (place: Place) => Fault[]>> = {
  pattern: ({ value, at }) => patternFaults(value, at),
  patternProperties: ({ value, at }) =>
    Object.keys(record(value)).flatMap((key) => patternFaults(key, `${at}/${pointerToken(key)}`)),
  $async: ({ at }) => [{ pointer: at, detail: '"$async" is no keyword of JSON Schema; take it out' }],
  $ref: referenceFaults,
  properties: protoFaults,
  dependencies: protoFaults,
  required: repeatFaults,
  // 2020-12 says only that an enum should not repeat a value.
  enum: (place) => (place.draft === 'draft-07' ? repeatFaults(place) : []),
  type: repeatFaults,
}

/** Beside an `$id`, ajv resolves a reference to another place than the drafts say. */
function referenceFaults({ schema, value, draft, at, isTop }: Place): Fault[] {
  const isMistaken = typeof value === 'string' && (draft === 'draft-07' || value.startsWith('#'))
  if (isTop || schema['$id'] === undefined || !isMistaken) return []
  return [
    { pointer: at, detail: 'stands beside an "$id", which changes what it refers to; take the "$id" out' },
  ]
}

/** ajv does not check a field named `__proto__`. */
function protoFaults({ value, at }: Place): Fault[] {
  if (!Object.hasOwn(record(value), '__proto__')) return []
  const fix = 'write it as the pattern "^__proto__$" in "patternProperties"'
  return [{ pointer: `${at}/__proto__`, detail: `the field "__proto__" would not be checked; ${fix}` }]
}

function repeatFaults({ value, at }: Place): Fault[] {
  const seen = new Set<string>()
  for (const entry of Array.isArray(value) ? value : []) {
    const text = canonicalJson(entry)
    if (seen.has(text)) return [{ pointer: at, detail: `lists ${text.slice(0, 100)} twice; take one out` }]
    seen.add(text)
  }
  return []
}

function misspelt(keyword: string): string | undefined {
  return validatingKeywords.find((candidate) => {
    if (candidate.toLowerCase() === keyword.toLowerCase()) return true
    const allowed = candidate.length < 6 ? 0 : candidate.length < 10 ? 1 : 2
    return editDistance(candidate, keyword) <= allowed
  })
}

function patternFaults(pattern: unknown, pointer: string): Fault[] {
  if (typeof pattern !== 'string') return []
  try {
    linearPattern(pattern)
    return []
  } catch (thrown) {
    const why = String(thrown instanceof Error ? thrown.message : thrown)
    return [{ pointer, detail: `the pattern ${pattern} is refused: ${why}` }]
  }
}

/** The schemas directly within a schema, each with its place as a JSON Pointer. A child may be any value, or undefined. */
export function subschemas(schema: Schema): [path: string, child: unknown][] {
  const children = singleOrList.flatMap((keyword): [string, unknown][] => {
    const value = schema[keyword]
    if (!Array.isArray(value)) return [[`/${keyword}`, value]]
    return value.map((child, index) => [`/${keyword}/${index}`, child])
  })
  const named = mapped.flatMap((keyword) =>
    Object.entries(record(schema[keyword])).map(([name, child]): [string, unknown] => [
      `/${pointerToken(keyword)}/${pointerToken(name)}`,
      child,
    ]),
  )
  return [...children, ...named]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
