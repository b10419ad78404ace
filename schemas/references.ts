import { subschemas } from './lint.ts'

/** A schema that is an object, not a boolean. */
export type Schema = Readonly<Record<string, unknown>>

/** Finds what `reference` within `schema` refers to; undefined when that is not in the document. */
export type Resolve = (schema: Schema, reference: string) => unknown

/** Keywords whose schemas apply to the same value as the schema that contains them. */
const IN_PLACE = /^\/(?:allOf|anyOf|oneOf|not|if|then|else|dependentSchemas|dependencies)(?:\/|$)/
/** The address of a document that has none; nothing else can have it. */
const NAMELESS = 'jobico-schema:/'

/** The schemas that a schema applies directly to its own value, including the target of its `$ref`. */
export function inPlaceSchemas(schema: Schema, resolve: Resolve): Schema[] {
  const children = subschemas(schema)
    .filter(([path]) => IN_PLACE.test(path))
    .map(([, child]) => child)
  const reference = schema['$ref']
  const all = typeof reference === 'string' ? [...children, resolve(schema, reference)] : children
  return all.filter(isSchema)
}

/** Makes the function that follows the references of a document: by pointer, by anchor, and by `$id`. */
export function createResolver(root: unknown): Resolve {
  /** By address: each schema with an `$id`, and each with an anchor. */
  const named = new Map<string, Schema>()
  const bases = new WeakMap<Schema, string>()
  const visit = (schema: unknown, outer: string): void => {
    if (!isSchema(schema)) return
    const base = addressOf(schema['$id'], outer)?.split('#', 1)[0] ?? outer
    bases.set(schema, base)
    if (!named.has(base)) named.set(base, schema)
    for (const name of [schema['$anchor'], schema['$dynamicAnchor']])
      if (typeof name === 'string') named.set(`${base}#${name}`, schema)
    // Before 2019-09, an `$id` that is only a fragment is an anchor.
    const ownId = schema['$id']
    if (typeof ownId === 'string' && ownId.startsWith('#')) named.set(base + ownId, schema)
    for (const [, child] of subschemas(schema)) visit(child, base)
  }
  visit(root, NAMELESS)
  return (schema, reference) => {
    const address = addressOf(reference, bases.get(schema) ?? NAMELESS)
    const [document = '', fragment = ''] = address?.split('#', 2) ?? []
    if (!fragment.startsWith('/')) return named.get(fragment === '' ? document : `${document}#${fragment}`)
    return at(named.get(document), fragment.split('/').slice(1))
  }
}

function addressOf(reference: unknown, base: string): string | undefined {
  return typeof reference === 'string' ? URL.parse(reference, base)?.href : undefined
}

function at(document: unknown, steps: readonly string[]): unknown {
  return steps.reduce(
    (value: unknown, step) =>
      isSchema(value) || Array.isArray(value) ? (value as Schema)[decodeStep(step)] : undefined,
    document,
  )
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return step
  }
}

/** Whether a value is a schema that is an object. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
