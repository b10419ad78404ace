import type { Fault } from './fault.ts'
import { inPlaceSchemas, isSchema, type Schema } from './references.ts'
import { subschemas } from './sense.ts'

const NEEDS_BOTH = '"if" with both "then" and "else", each naming what it lets pass'
const NO_CONTAINS = '"contains" in another schema than "unevaluatedItems"'
const OWN_ITEMS = '"items" beside "unevaluatedItems" only'

/**
 * Where a schema of 2020-12 has `unevaluatedProperties` or `unevaluatedItems` together with what ajv takes no, or wrong,
 * account of. Data would pass that must not, or the other way round, so such a schema is refused.
 */
export function unevaluatedFaults(root: unknown): Fault[] {
  const faults: Fault[] = []
  const visit = (schema: unknown, pointer: string): void => {
    if (!isSchema(schema)) return
    for (const keyword of ['unevaluatedProperties', 'unevaluatedItems']) {
      if (schema[keyword] === undefined) continue
      const fix = fixOf(schema, root, keyword === 'unevaluatedItems')
      if (fix === undefined) continue
      const detail = `"${keyword}" can not be told what other keywords have seen here; write ${fix}, or do without "${keyword}"`
      faults.push({ pointer: `${pointer}/${keyword}`, detail })
    }
    for (const [path, child] of subschemas(schema)) visit(child, pointer + path)
  }
  visit(root, '')
  return faults
}

function fixOf(schema: Schema, root: unknown, isOfItems: boolean): string | undefined {
  for (const one of allInPlace(schema, root)) {
    const branches = [one['then'], one['else']].filter((branch) => branch !== undefined)
    if (one['if'] !== undefined && branches.length < 2) return NEEDS_BOTH
    if (isOfItems && one['contains'] !== undefined) return NO_CONTAINS
    if (isOfItems && one !== schema && one['items'] !== undefined) return OWN_ITEMS
  }
  return undefined
}

/** The schema and all that its value is held against with it. */
function allInPlace(schema: Schema, root: unknown): ReadonlySet<Schema> {
  const all = new Set([schema])
  // A Set is gone through to its end, which what is added meanwhile moves on.
  for (const one of all) for (const next of inPlaceSchemas(one, root)) all.add(next)
  return all
}
