import type { ObjectPath, StructuralSchema } from './structure.ts'

const MOST_PLACES = 3

/**
 * What an unknown field was meant to be, as words that follow `unknown field "…"`: a longer name beside it, or the same name
 * elsewhere in the object. Undefined if there is neither. Pure.
 */
export function meantField(schema: StructuralSchema, path: ObjectPath): string | undefined {
  const word = String(path.at(-1)).toLowerCase()
  const longer = Object.keys(schemaAt(schema, path.slice(0, -1))?.properties ?? {}).find(
    (name) => word.length > 2 && name.toLowerCase().startsWith(word),
  )
  if (longer !== undefined) return `did you mean ${JSON.stringify(longer)}?`
  const places = [...fields(schema)]
    .filter(({ name, parent }) => name.toLowerCase() === word && !/^(?:metadata|status)\b/.test(parent))
    .map(({ parent }) => parent)
  if (places.length === 0 || places.length > MOST_PLACES) return undefined
  return `it belongs under ${places.join(' or ')}`
}

function schemaAt(schema: StructuralSchema, path: ObjectPath): StructuralSchema | undefined {
  return path.reduce<StructuralSchema | undefined>(
    (here, step) => (typeof step === 'number' ? here?.items : here?.properties?.[step]),
    schema,
  )
}

/** Every field that a schema describes, and the path of its object, with `[]` for each item of a list. */
function* fields(schema: StructuralSchema, parent = ''): Generator<{ name: string; parent: string }> {
  if (schema.items !== undefined) yield* fields(schema.items, `${parent}[]`)
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield { name, parent }
    yield* fields(child, parent === '' ? name : `${parent}.${name}`)
  }
}
