import { RE2JS } from 're2js'
import { editDistance } from './closest.ts'
import { canonicalJson } from './equality.ts'
import { pointerToken, type Fault } from './fault.ts'

/** The drafts of JSON Schema that Jobico takes. */
export type Draft = 'draft-07' | '2020-12'

interface Matcher {
  test(text: string): boolean
  /** How large the program is that the expression became; what it takes at worst grows with it. */
  programSize(): number
}

// Only keywords that refuse something: a mistake in a mere note does no harm.
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
/** The keywords of both drafts that say what data must be like. */
export const validatingKeywords: readonly string[] = [...draft07Keywords, ...newerKeywords]
const passive = [
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
const known = new Set([...validatingKeywords, ...passive, ...containers, ...content])

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

/** Keywords whose lists have each entry once. */
const DISTINCT = ['required', 'enum', 'type']

/**
 * Compiles a regular expression of JSON Schema for an engine of linear time, so that no data can make it run for ever.
 * Throws on look-around and back-references, which that engine does not have.
 */
export function linearPattern(pattern: string): Matcher {
  return RE2JS.compile(RE2JS.translateRegExp(pattern))
}

/**
 * What the specification lets pass but nobody can mean: a keyword that is misspelt, a keyword of another draft, which would be
 * silently ignored, and a regular expression that the linear-time engine does not take. Unknown keywords are fine otherwise.
 */
export function senseFaults(schema: unknown, draft: Draft, pointer = ''): Fault[] {
  if (!isRecord(schema)) return []
  const here = Object.keys(schema).flatMap((keyword) => keywordFaults(schema, keyword, draft, pointer))
  return [
    ...here,
    ...subschemas(schema).flatMap(([path, child]) => senseFaults(child, draft, pointer + path)),
  ]
}

function keywordFaults(
  schema: Record<string, unknown>,
  keyword: string,
  draft: Draft,
  pointer: string,
): Fault[] {
  const at = `${pointer}/${pointerToken(keyword)}`
  if (keyword === 'pattern') return patternFaults(schema[keyword], at)
  if (keyword === 'patternProperties') {
    return Object.keys(record(schema[keyword])).flatMap((key) =>
      patternFaults(key, `${at}/${pointerToken(key)}`),
    )
  }
  if (DISTINCT.includes(keyword)) return repeatFaults(schema[keyword], at)
  if (keyword === '$async')
    return [{ pointer: at, detail: '"$async" is no keyword of JSON Schema; take it out' }]
  if (draft === 'draft-07' && newerKeywords.includes(keyword)) {
    const fix = 'add "$schema": "https://json-schema.org/draft/2020-12/schema" at the top'
    return [{ pointer: at, detail: `"${keyword}" is a keyword of 2020-12, and this is draft-07; ${fix}` }]
  }
  const meant = known.has(keyword) ? undefined : misspelt(keyword)
  return meant === undefined
    ? []
    : [{ pointer: at, detail: `"${keyword}" is no keyword; did you mean "${meant}"?` }]
}

function misspelt(keyword: string): string | undefined {
  return validatingKeywords.find((candidate) => {
    if (candidate.toLowerCase() === keyword.toLowerCase()) return true
    const allowed = candidate.length < 6 ? 0 : candidate.length < 10 ? 1 : 2
    return editDistance(candidate, keyword) <= allowed
  })
}

function repeatFaults(values: unknown, pointer: string): Fault[] {
  const seen = new Set<string>()
  for (const value of Array.isArray(values) ? values : []) {
    const text = canonicalJson(value)
    if (seen.has(text)) return [{ pointer, detail: `lists ${text.slice(0, 100)} twice; take one out` }]
    seen.add(text)
  }
  return []
}

function patternFaults(pattern: unknown, pointer: string): Fault[] {
  if (typeof pattern !== 'string') return []
  try {
    linearPattern(pattern)
    return []
  } catch (thrown) {
    const why = String(thrown instanceof Error ? thrown.message : thrown)
    const detail = `the pattern ${pattern} is not one of linear time: ${why}; write it without look-around and back-references`
    return [{ pointer, detail }]
  }
}

/** The schemas within a schema, each with where it stands in it, as a JSON Pointer. */
export function subschemas(schema: Readonly<Record<string, unknown>>): [path: string, child: unknown][] {
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
