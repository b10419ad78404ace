import type { Fault } from './fault.ts'
import { createResolver, inPlaceSchemas, isSchema, type Schema } from './references.ts'
import { subschemas } from './lint.ts'

/** The most schemas that one value may be checked against, after references are followed. */
export const MAX_EXPANSION = 10_000

/**
 * Finds two mistakes with references. Some multiply, so that one value is checked against more than MAX_EXPANSION schemas.
 * Others lead back to themselves for the same value, so that the check would never end.
 */
export function expansionFaults(root: unknown): Fault[] {
  const known = new Map<Schema, number>()
  const open = new Set<Schema>()
  const resolve = createResolver(root)

  const sizeOf = (schema: Schema): number => {
    if (open.has(schema)) return Infinity
    const size = known.get(schema)
    if (size !== undefined) return size
    open.add(schema)
    const sum = inPlaceSchemas(schema, resolve).reduce((total, child) => total + sizeOf(child), 1)
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
