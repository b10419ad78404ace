import { isExactNumber } from '../../functions/cloudevents/exact-number.ts'
import type { Originals } from '../numbers/exact-numbers.ts'
import { canonicalJson } from '../numbers/equality.ts'
import { isSchema, type Resolve, type Schema } from '../references.ts'

/** What a schema asks for by simple means; data that matches the schema always has its shape, but not the other way. */
export interface Shape {
  /** The types that the value may have; undefined when any. */
  readonly types: ReadonlySet<string> | undefined
  /** The values that it may have, by their canonical JSON; undefined when any, or when some are arrays or objects. */
  readonly values: ReadonlyMap<string, unknown> | undefined
  readonly required: ReadonlySet<string>
  /** The names of fields that the schema mentions. */
  readonly known: ReadonlySet<string>
  /** Whether fields that it does not mention are refused. */
  readonly isClosed: boolean
  /** The shapes of fields, as far as they are asked for. */
  readonly fields: ReadonlyMap<string, Shape>
}

/** How much may still be looked at; it bounds what a large schema, or large data, costs. */
export interface Effort {
  left: number
}

const anything: Shape = {
  types: undefined,
  values: undefined,
  required: new Set(),
  known: new Set(),
  isClosed: false,
  fields: new Map(),
}

/** Makes the function that finds the shape of a schema, with fields within fields up to `depth`. Remembers shapes. */
export function createShapes(
  resolve: Resolve,
  originals: Originals,
): (schema: unknown, depth: number, effort: Effort) => Shape {
  const known = new WeakMap<Schema, Map<number, Shape>>()

  const shapeOf = (schema: unknown, depth: number, effort: Effort): Shape => {
    if (!isSchema(schema) || effort.left <= 0) return anything
    const shapes = known.get(schema) ?? new Map<number, Shape>()
    known.set(schema, shapes)
    const found = shapes.get(depth)
    if (found !== undefined) return found
    // A schema that leads back to itself finds this.
    shapes.set(depth, anything)
    const shape = allOf(partsOf(schema, depth, effort), effort)
    // What was cut short is not remembered.
    if (effort.left > 0) shapes.set(depth, shape)
    else shapes.delete(depth)
    return shape
  }

  const partsOf = (schema: Schema, depth: number, effort: Effort): Shape[] => {
    const inner = (one: unknown) => shapeOf(one, depth, effort)
    const parts = [ownShape(schema, depth, effort)]
    for (const reference of [schema['$ref'], schema['$dynamicRef']])
      if (typeof reference === 'string') parts.push(inner(resolve(schema, reference)))
    parts.push(...list(schema['allOf']).map(inner))
    for (const alternatives of [list(schema['oneOf']), list(schema['anyOf'])])
      if (alternatives.length > 0) parts.push(anyOf(alternatives.map(inner), effort))
    return parts
  }

  const ownShape = (schema: Schema, depth: number, effort: Effort): Shape => {
    const properties = isSchema(schema['properties']) ? schema['properties'] : {}
    const names = Object.keys(properties)
    const required = new Set(list(schema['required']).filter((name) => typeof name === 'string'))
    effort.left -= 1 + names.length + required.size
    const values = valuesOf((originals.get(schema) ?? schema) as Schema)
    const types =
      schema['type'] === undefined
        ? values && new Set([...values.values()].map(typeOf))
        : [schema['type']].flat()
    const isClosed =
      schema['patternProperties'] === undefined &&
      (schema['additionalProperties'] === false || schema['unevaluatedProperties'] === false)
    return {
      types: types && new Set(types as string[]),
      values,
      required,
      known: new Set([...names, ...required]),
      isClosed,
      fields: new Map(
        depth === 0 ? [] : names.map((name) => [name, shapeOf(properties[name], depth - 1, effort)]),
      ),
    }
  }
  return shapeOf
}

/** The type of a JSON value, by the name that schemas use; for numbers always `number`. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (isExactNumber(value)) return 'number'
  return Array.isArray(value) ? 'array' : typeof value
}

function valuesOf(schema: Schema): Shape['values'] {
  const values = 'const' in schema ? [schema['const']] : schema['enum']
  if (!Array.isArray(values) || values.some((value) => ['object', 'array'].includes(typeOf(value))))
    return undefined
  return new Map(values.map((value: unknown) => [canonicalJson(value), value]))
}

function allOf(shapes: readonly Shape[], effort: Effort): Shape {
  return shapes.reduce((one, other) => both(one, other, effort), anything)
}

function both(one: Shape, other: Shape, effort: Effort): Shape {
  if (one === anything || one === other) return other
  if (other === anything) return one
  effort.left -= 1 + other.known.size + one.known.size
  const fields = new Map(one.fields)
  for (const [name, shape] of other.fields)
    fields.set(name, both(fields.get(name) ?? anything, shape, effort))
  return {
    types: commonTypes(one.types, other.types),
    values:
      one.values === undefined || other.values === undefined
        ? (one.values ?? other.values)
        : new Map([...one.values].filter(([text]) => other.values?.has(text))),
    required: new Set([...one.required, ...other.required]),
    known: new Set([...one.known, ...other.known]),
    isClosed: one.isClosed || other.isClosed,
    fields,
  }
}

function commonTypes(one: Shape['types'], other: Shape['types']): Shape['types'] {
  if (one === undefined || other === undefined) return one ?? other
  const integers = one.has('integer') !== other.has('integer') && one.has('number') !== other.has('number')
  const common = inBoth(one, other)
  return integers ? new Set([...common, 'integer']) : common
}

function inBoth(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((entry) => other.has(entry)))
}

function anyOf(shapes: readonly Shape[], effort: Effort): Shape {
  const [first = anything, ...others] = shapes
  return others.reduce((one, other) => either(one, other, effort), first)
}

function either(one: Shape, other: Shape, effort: Effort): Shape {
  if (one === other) return one
  effort.left -= 1 + other.known.size + one.known.size + (one.values?.size ?? 0)
  const fields = [...one.fields].flatMap(([name, shape]) => {
    const same = other.fields.get(name)
    return same === undefined ? [] : [[name, either(shape, same, effort)] as const]
  })
  return {
    types: one.types && other.types && new Set([...one.types, ...other.types]),
    values: one.values && other.values && new Map([...one.values, ...other.values]),
    required: inBoth(one.required, other.required),
    known: new Set([...one.known, ...other.known]),
    isClosed: one.isClosed && other.isClosed,
    fields: new Map(fields),
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
