/** Deeper levels are cut off, such as those of schemas that refer to themselves. */
const MAX_DEPTH = 12
/** Down to this depth, optional fields and items may be shown, too. */
const SHOW_DEPTH = 1
/** The most values in a sample: a schema may require more than fit on a terminal. */
const MAX_VALUES = 2_000

type Schema = Readonly<Record<string, unknown>>

/** Sample texts by format. */
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  duration: 'PT1H',
  email: 'somebody@example.com',
  'idn-email': 'somebody@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  'uri-reference': '/some/thing',
  uuid: '6f1c9d5e-8a3b-4c2d-9e7f-0a1b2c3d4e5f',
  'json-pointer': '/some/thing',
  regex: '^[a-z]+$',
}

/** The type that a keyword implies, for a schema without `type`. */
const TYPE_OF_KEYWORD: Readonly<Record<string, string | undefined>> = {
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
  format: 'string',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
}

/**
 * A value that a JSON Schema probably accepts: a const, default, example or enum value of the schema, else a small value of
 * the type, with the required fields of objects. Ignores patterns and conditions, so validate the value. Pure.
 */
export function sampleOf(schema: unknown): unknown {
  return sample({ root: schema, path: '', depth: 0, budget: { left: MAX_VALUES } }, schema)
}

interface Place {
  readonly root: unknown
  /** The name of the field; strings get it as their text. */
  readonly path: string
  readonly depth: number
  /** How many more values may be made. */
  readonly budget: { left: number }
}

function sample(place: Place, schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null || place.depth > MAX_DEPTH || --place.budget.left < 0)
    return {}
  const merged = flatten(place, schema as Schema)
  const given = [merged['const'], merged['default'], first(merged['examples']), first(merged['enum'])]
  const found = given.find((value) => value !== undefined)
  return found === undefined ? (SAMPLES[typeOf(merged)]?.(place, merged) ?? null) : found
}

/** Merges a schema with its reference, its `allOf`, and the first branch of `anyOf` and `oneOf`. */
function flatten(place: Place, schema: Schema): Schema {
  const { $ref, allOf, anyOf, oneOf, ...own } = schema
  const parts = [
    ...(typeof $ref === 'string' ? [lookUp(place.root, $ref)] : []),
    ...list(allOf),
    ...list(anyOf).slice(0, 1),
    ...list(oneOf).slice(0, 1),
  ]
  if (place.depth > MAX_DEPTH || --place.budget.left < 0) return own
  return parts
    .filter((part): part is Schema => typeof part === 'object' && part !== null)
    .map((part) => flatten({ ...place, depth: place.depth + 1 }, part))
    .reduce(merge, own)
}

function merge(left: Schema, right: Schema): Schema {
  return {
    ...right,
    ...left,
    properties: { ...object(right['properties']), ...object(left['properties']) },
    required: [...list(left['required']), ...list(right['required'])],
  }
}

function lookUp(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  const steps = reference.slice(1).split('/').slice(1)
  return steps
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, step) => object(value)[step], root)
}

function typeOf(schema: Schema): string {
  const { type } = schema
  if (typeof type === 'string') return type
  if (Array.isArray(type)) return String(type.find((name) => name !== 'null') ?? 'null')
  return (
    Object.keys(schema)
      .map((keyword) => TYPE_OF_KEYWORD[keyword])
      .find((found) => found !== undefined) ?? 'object'
  )
}

const SAMPLES: Readonly<Record<string, ((place: Place, schema: Schema) => unknown) | undefined>> = {
  object(place, schema) {
    const properties = object(schema['properties'])
    const names = list(schema['required']).filter((name) => typeof name === 'string')
    const shown = names.length > 0 || place.depth > SHOW_DEPTH ? names : Object.keys(properties).slice(0, 1)
    return Object.fromEntries(
      shown.map((name) => [name, sample(inside(place, name), properties[name] ?? {})] as const),
    )
  },
  array(place, schema) {
    const prefix = list(schema['prefixItems']).map((item) => sample(inside(place, place.path), item))
    const missing = Math.min(number(schema['minItems'], place.depth > SHOW_DEPTH ? 0 : 1), 20) - prefix.length
    const item = () => sample(inside(place, place.path), schema['items'])
    return [...prefix, ...Array.from({ length: Math.max(0, missing) }, item)]
  },
  string({ path }, schema) {
    const format = FORMATS[String(schema['format'])]
    if (format !== undefined) return format
    const text = (path || 'text').padEnd(number(schema['minLength'], 0), 'x')
    return text.slice(0, number(schema['maxLength'], 100))
  },
  number: (_place, schema) => numberWithin(schema, 0.5),
  integer: (_place, schema) => numberWithin(schema, 1),
  boolean: () => true,
  null: () => null,
}

function inside(place: Place, path: string): Place {
  return { ...place, path, depth: place.depth + 1 }
}

/** 1 if that is allowed, else the nearest allowed number. */
function numberWithin(schema: Schema, step: number): number {
  const least = Math.max(
    number(schema['minimum'], -Infinity),
    number(schema['exclusiveMinimum'], -Infinity) + step,
  )
  const most = Math.min(
    number(schema['maximum'], Infinity),
    number(schema['exclusiveMaximum'], Infinity) - step,
  )
  const multiple = number(schema['multipleOf'], 0)
  const value = Math.min(Math.max(1, least), most)
  return multiple > 0 ? Math.ceil(value / multiple) * multiple : value
}

function first(values: unknown): unknown {
  return Array.isArray(values) ? (values[0] as unknown) : undefined
}

function list(values: unknown): readonly unknown[] {
  return Array.isArray(values) ? values : []
}

function object(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {}
}

function number(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback
}
