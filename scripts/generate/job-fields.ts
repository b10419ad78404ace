import type { CelRule, Schema } from './crd.ts'
import { code } from './markdown.ts'

/** One place of the schema; `path` is like spec.events[].name, and empty for the object itself. */
export interface SchemaPlace {
  readonly path: string
  readonly schema: Schema
  readonly required: boolean
}

/** What a pattern means, in words. */
const PATTERNS: Readonly<Record<string, string>> = {
  '^[A-Za-z0-9]+$': 'letters and digits',
  '^[A-Za-z][A-Za-z0-9]*$': 'letters and digits, a letter first',
  '^[A-Za-z_][A-Za-z0-9_]*$': 'letters, digits and `_`, no digit first',
  '^[A-Za-z0-9_][-._A-Za-z0-9]*$': 'letters, digits, `.`, `-` and `_`; no `.` or `-` first',
  '^[-._A-Za-z0-9]+$': 'letters, digits, `.`, `-` and `_`',
  '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$':
    'lower-case letters, digits, `.` and `-`; a letter or digit first and last',
  '^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?v[a-z0-9]+$': 'a version such as `v1`, after a group and `/` if any',
  '^https?://[^\\s/?#]+[^\\s]*$': 'a URL with `http` or `https` and a host',
  '^(([1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-6])Mi|[1-4]Gi)$':
    'a whole number with `Mi` or `Gi`, from `1Mi` to `4Gi`',
  '^([1-9][0-9]{0,6}Mi|[1-9][0-9]{0,3}Gi)$':
    'a whole number with `Mi` or `Gi`, from `1Mi` to `9999999Mi` or `9999Gi`',
  '^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$':
    'a qualified name of Kubernetes',
  '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$': 'one word',
}

/** Every place of a schema, from the top down. */
export function* placesOf(schema: Schema, path = '', required = true): Generator<SchemaPlace> {
  yield { path, schema, required }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    yield* placesOf(child, at, schema.required?.includes(name) ?? false)
  }
  if (schema.items) yield* placesOf(schema.items, `${path}[]`)
}

/** The rules of a place, each with the path of the field that it is about. */
export function rulesOf({ path, schema }: SchemaPlace): readonly (CelRule & { readonly about: string })[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.map((rule) => ({ ...rule, about: `${path}${rule.fieldPath ?? ''}`.replace(/^\./, '') }))
}

/** The type of a value, in words. */
export function typeOf({ type, items }: Schema): string {
  return type === 'array' ? `list of ${String(items?.['type'])}s` : String(type)
}

/** Whether a field has to be given or, if not, its default. */
export function needOf({ schema, required }: SchemaPlace): string {
  const value = schema['default']
  if (required) return 'required'
  if (value === undefined || JSON.stringify(value) === '{}') return 'optional'
  return `default ${code(typeof value === 'string' ? value : JSON.stringify(value))}`
}

/** All limits of a value, in words. Throws an Error for a pattern that has none in PATTERNS. */
export function limitsOf(schema: Schema): string {
  const { enum: values, pattern, format, minimum, maximum, minLength, maxLength, minItems, maxItems } = schema
  const keys = schema['x-kubernetes-list-map-keys'] as readonly string[] | undefined
  if (Array.isArray(values)) return values.map((value) => code(String(value))).join(', ')
  return [
    range(minimum, maximum, ''),
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' items'),
    keys && `each ${keys.map(code).join(' and ')} once`,
    typeof pattern === 'string' ? words(pattern) : undefined,
    format === 'date-time' ? 'a time of RFC 3339' : undefined,
  ]
    .filter((limit) => limit !== undefined)
    .join('; ')
}

function range(min: unknown, max: unknown, unit: string): string | undefined {
  const [least, most] = [min, max].map((end) => (typeof end === 'number' ? end : undefined))
  if (most === undefined) return least === undefined ? undefined : `at least ${least}${unit}`
  return least === undefined ? `at most ${most}${unit}` : `${least} to ${most}${unit}`
}

function words(pattern: string): string {
  const known = PATTERNS[pattern]
  if (known !== undefined) return known
  throw new Error(`say in scripts/generate/job-fields.ts what the pattern ${pattern} means`)
}
