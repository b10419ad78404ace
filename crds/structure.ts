/** Steps from the top of an object to a place in it: names of fields and positions in lists. */
export type ObjectPath = readonly (string | number)[]

/** A schema as a CustomResourceDefinition has it, as far as it is read here. */
export interface StructuralSchema {
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly items?: StructuralSchema
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly {
    readonly rule: string
    readonly message: string
    readonly fieldPath?: string
  }[]
}

/** A value within an object, its schema, and where it is. */
export interface Place {
  readonly schema: StructuralSchema
  readonly value: unknown
  readonly path: ObjectPath
}

/** Every value within `value` that the schema describes, from the top down. */
export function* places(schema: StructuralSchema, value: unknown, path: ObjectPath = []): Generator<Place> {
  yield { schema, value, path }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (schema.items) yield* places(schema.items, item, [...path, index])
    }
  } else if (isRecord(value)) {
    for (const [name, child] of Object.entries(value)) {
      const known =
        schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined
      if (known) yield* places(known, child, [...path, name])
    }
  }
}

/** A path as people write it, such as spec.events[0].name. */
export function formatPath(path: ObjectPath): string {
  return path
    .map((step) =>
      typeof step === 'number'
        ? `[${step}]`
        : /^[\w-]+$/.test(step)
          ? `.${step}`
          : `[${JSON.stringify(step)}]`,
    )
    .join('')
    .replace(/^\./, '')
}

/** The path that a JSON Pointer into `value` stands for. */
export function pathOfPointer(pointer: string, value: unknown): ObjectPath {
  let here = value
  return pointer
    .split('/')
    .slice(1)
    .map((token) => {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
      const step = Array.isArray(here) ? Number(name) : name
      here = (here as Record<string | number, unknown> | undefined)?.[step]
      return step
    })
}

/** A copy without the fields that are null, which the API server treats as left out. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isRecord(value)) return value
  const kept = Object.entries(value).filter(([, child]) => child !== null)
  return Object.fromEntries(kept.map(([name, child]) => [name, withoutNulls(child)]))
}

/** Whether `value` is an object with fields: not a list, and not null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
