import type { Fault } from './fault.ts'
import { subschemas } from './sense.ts'

type Schema = Readonly<Record<string, unknown>>

/** The most schemas that one value may have to be held against, references followed. */
export const MAX_EXPANSION = 10_000

/** Keywords whose schemas apply to the very value that the schema they stand in applies to. */
const IN_PLACE = /^\/(?:allOf|anyOf|oneOf|not|if|then|else|dependentSchemas|dependencies)(?:\/|$)/

/**
 * References within the document that multiply, so that one value would be checked tens of thousands of times, and those
 * that lead back to where they are without a step into the data, so that the check would never end.
 */
export function expansionFaults(root: unknown): Fault[] {
  const known = new Map<Schema, number>()
  const open = new Set<Schema>()

  const sizeOf = (schema: unknown): number => {
    if (!isSchema(schema)) return 0
    if (open.has(schema)) return Infinity
    const size = known.get(schema)
    if (size !== undefined) return size
    open.add(schema)
    const sum = inPlace(schema, root).reduce((total: number, child) => total + sizeOf(child), 1)
    open.delete(schema)
    known.set(schema, sum)
    return sum
  }

  const faults: Fault[] = []
  const visit = (schema: unknown, pointer: string): void => {
    if (!isSchema(schema) || faults.length > 0) return
    const size = sizeOf(schema)
    if (size > MAX_EXPANSION) faults.push({ pointer, detail: detailOf(size) })
    for (const [path, child] of subschemas(schema)) visit(child, pointer + path)
  }
  visit(root, '')
  return faults
}

function detailOf(size: number): string {
  if (size === Infinity) {
    return 'refers to itself for one and the same value, which never ends; refer to it from within properties or items'
  }
  return (
    `holds each value against ${size} schemas, more than ${MAX_EXPANSION}, since references multiply; ` +
    'refer to a definition once, and merge alternatives'
  )
}

function inPlace(schema: Schema, root: unknown): unknown[] {
  const children = subschemas(schema)
    .filter(([path]) => IN_PLACE.test(path))
    .map(([, child]) => child)
  const reference = schema['$ref']
  return typeof reference === 'string' && reference.startsWith('#')
    ? [...children, at(root, reference)]
    : children
}

/** What a reference such as `#/definitions/a` points at; undefined where it is an anchor or leads nowhere, which ajv finds out. */
function at(root: unknown, reference: string): unknown {
  const steps = reference.split('/').slice(1)
  if (reference !== '#' && steps.length === 0) return undefined
  return steps.reduce((value: unknown, step) => {
    const name = decodeStep(step)
    return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      ? (value as Schema)[name]
      : undefined
  }, root)
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return step
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
