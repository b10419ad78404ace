import type { Fault } from './fault.ts'
import { subschemas } from './lint.ts'

/** A schema that is an object, not a boolean. */
export type Schema = Readonly<Record<string, unknown>>

/** Finds what `reference` within `schema` refers to; undefined when that is not in the document. */
export type Resolve = (schema: Schema, reference: string) => unknown

/** Keywords whose schemas apply to the same value as the schema that contains them. */
const IN_PLACE = /^\/(?:allOf|anyOf|oneOf|not|if|then|else|dependentSchemas|dependencies)(?:\/|$)/
/** The address of a document that has none; nothing else can have it. */
const NAMELESS = 'jobico-schema:/'

/** The schemas that a schema applies directly to its own value, including the targets of its references. */
export function inPlaceSchemas(schema: Schema, resolve: Resolve): Schema[] {
  const children = subschemas(schema)
    .filter(([path]) => IN_PLACE.test(path))
    .map(([, child]) => child)
  const targets = [schema['$ref'], schema['$dynamicRef']]
    .filter((reference) => typeof reference === 'string')
    .map((reference) => resolve(schema, reference))
  return [...children, ...targets].filter(isSchema)
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

/** Whether a schema has a `$dynamicRef` anywhere. */
export function isDynamic(schema: unknown): boolean {
  if (!isSchema(schema)) return false
  return schema['$dynamicRef'] !== undefined || subschemas(schema).some(([, child]) => isDynamic(child))
}

/** Finds each `$dynamicRef` that may lead to several schemas, or to none, so that `$ref` would not say the same. */
export function dynamicFaults(root: unknown): Fault[] {
  const resolve = createResolver(root)
  const targets = new Map<string, number>()
  const references: { schema: Schema; reference: string; pointer: string }[] = []
  const visit = (schema: unknown, pointer: string): void => {
    if (!isSchema(schema)) return
    const { $dynamicAnchor, $dynamicRef } = schema
    if (typeof $dynamicAnchor === 'string')
      targets.set($dynamicAnchor, (targets.get($dynamicAnchor) ?? 0) + 1)
    if (typeof $dynamicRef === 'string') references.push({ schema, reference: $dynamicRef, pointer })
    for (const [path, child] of subschemas(schema)) visit(child, pointer + path)
  }
  visit(root, '')
  return references
    .filter(({ schema, reference }) => {
      const target = resolve(schema, reference)
      const name = isSchema(target) ? target['$dynamicAnchor'] : undefined
      return typeof name !== 'string' || !reference.endsWith(`#${name}`) || targets.get(name) !== 1
    })
    .map(({ pointer }) => ({ pointer: `${pointer}/$dynamicRef`, detail: DYNAMIC_FIX }))
}

const DYNAMIC_FIX =
  '"$dynamicRef" may lead to several schemas, or to none; within one document, write "$ref" to an "$anchor" or to "#/$defs/…"'
