import { subschemas } from './lint.ts'

/** A schema that is no boolean. */
export type Schema = Readonly<Record<string, unknown>>

/** Keywords whose schemas apply to the very value that the schema they stand in applies to. */
const IN_PLACE = /^\/(?:allOf|anyOf|oneOf|not|if|then|else|dependentSchemas|dependencies)(?:\/|$)/

/** The schemas that a schema within `root` holds its own value against, one step on; references within the document are followed. */
export function inPlaceSchemas(schema: Schema, root: unknown): Schema[] {
  const children = subschemas(schema)
    .filter(([path]) => IN_PLACE.test(path))
    .map(([, child]) => child)
  const reference = schema['$ref']
  const all = typeof reference === 'string' ? [...children, referenced(root, reference)] : children
  return all.filter(isSchema)
}

/** What a reference such as `#/definitions/a` points at; undefined where it is of another kind, or leads nowhere. */
function referenced(root: unknown, reference: string): unknown {
  const [document, ...steps] = reference.split('/')
  if (document !== '#') return undefined
  return steps.reduce((value: unknown, step) => {
    const name = decodeStep(step)
    return isSchema(value) || Array.isArray(value) ? (value as Schema)[name] : undefined
  }, root)
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return step
  }
}

/** Tells a schema from a boolean one, and from what is none. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
