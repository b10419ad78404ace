import { subschemas } from './lint.ts'

/** A schema that is an object, not a boolean. */
export type Schema = Readonly<Record<string, unknown>>

/** Keywords whose schemas apply to the same value as the schema that contains them. */
const IN_PLACE = /^\/(?:allOf|anyOf|oneOf|not|if|then|else|dependentSchemas|dependencies)(?:\/|$)/

/** The schemas that a schema applies directly to its own value, including the target of its `$ref` within `root`. */
export function inPlaceSchemas(schema: Schema, root: unknown): Schema[] {
  const children = subschemas(schema)
    .filter(([path]) => IN_PLACE.test(path))
    .map(([, child]) => child)
  const reference = schema['$ref']
  const all = typeof reference === 'string' ? [...children, referenced(root, reference)] : children
  return all.filter(isSchema)
}

/** The target of a reference such as `#/definitions/a`; undefined for references of another form or without a target. */
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

/** Whether a value is a schema that is an object. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
