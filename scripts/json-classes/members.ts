import {
  constructorOf,
  decoratorOf,
  instanceFields,
  isHidden,
  sourceText,
  stringArgument,
  typeNames,
  typeText,
  type Class,
  type Field,
  type Range,
  type TypeNode,
} from './ast.ts'

/** The facts about a field of a class with `@json` that the generated code needs. */
export interface Member {
  readonly field: string
  /** Its name in JSON; undefined for a field that is not in JSON. */
  readonly key: string | undefined
  readonly type: string
  readonly isNullable: boolean
  /** The source text of its default, for JSON without this member. */
  readonly initial: string | undefined
}

/** Reports a problem of a class at its place in the source. */
export type Report = (range: Range, problem: string) => void

/** Types of the standard library that JSON does not have. */
const COLLECTIONS: readonly string[] = ['Map', 'Set', 'StaticArray', 'ArrayBuffer', 'Date', 'Function']
const TYPED_ARRAY = /^(?:Uint8Clamped|(?:Int|Uint)(?:8|16|32|64)|Float(?:32|64))Array$/

const PRIMITIVE = /^(?:bool|[iu](?:8|16|32|64|size)|f32|f64)$/

/** The members of a class. Reports those that JSON can't have; `plain` are the names of the classes without `@json`. */
export function membersOf(declaration: Class, plain: ReadonlySet<string>, report: Report): Member[] {
  const parameters = constructorOf(declaration)?.signature.parameters ?? []
  const members = instanceFields(declaration).flatMap((field) => {
    const initial = field.initializer ?? parameters[field.parameterIndex]?.initializer ?? null
    return memberOf(field, initial === null ? undefined : sourceText(initial.range), plain, report) ?? []
  })
  const keys = members.flatMap(({ key }) => key ?? [])
  const duplicate = keys.find((key, index) => keys.indexOf(key) < index)
  if (duplicate !== undefined)
    report(declaration.name.range, `two members have the JSON name ${duplicate}: rename one of them`)
  return members
}

/** Whether zero or null is a valid value of a type, so that a field of it needs no initial value. */
export function hasZero(type: TypeNode): boolean {
  return type.isNullable || PRIMITIVE.test(typeText(type) ?? '')
}

function memberOf(
  field: Field,
  initial: string | undefined,
  plain: ReadonlySet<string>,
  report: Report,
): Member | undefined {
  const { name, type } = field
  const fault = faultOf(field, initial, plain)
  if (fault !== undefined) report(type.range, `${name.text} ${fault}`)
  const text = typeText(type)
  if (text === undefined || fault !== undefined) return undefined
  const key = isHidden(field) ? undefined : keyOf(field, report)
  return { field: name.text, key, type: text, isNullable: type.isNullable, initial }
}

function faultOf(field: Field, initial: string | undefined, plain: ReadonlySet<string>): string | undefined {
  const { type } = field
  if (!isHidden(field))
    return typeText(type) === undefined
      ? 'is of a type that JSON does not have'
      : typeFault(typeNames(type), plain)
  return initial === undefined && !hasZero(type)
    ? 'needs an initial value, because decode calls no constructor'
    : undefined
}

function keyOf(field: Field, report: Report): string {
  const decorator = decoratorOf(field, 'key')
  if (decorator === undefined) return field.name.text
  const key = stringArgument(decorator)
  if (key === undefined)
    report(decorator.range, `@key needs the name in JSON as a string, such as @key("order-id")`)
  return key ?? field.name.text
}

function typeFault(names: readonly string[], plain: ReadonlySet<string>): string | undefined {
  const collection = names.find((name) => COLLECTIONS.includes(name) || TYPED_ARRAY.test(name))
  if (collection !== undefined)
    return `is a ${collection}, which JSON does not have: make it an array, a class with @json, or Json`
  const missing = names.find((name) => plain.has(name))
  if (missing !== undefined)
    return `is a ${missing}, which is not for JSON: put @json before class ${missing}`
  return undefined
}
