// What a transform of the AssemblyScript compiler needs of its syntax trees. The compiler's own types are classes and const
// enums, which say too much here, and a transform must not load a second compiler to have them.

/** A part of a source. */
export interface Range {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** One source, by its path relative to the project; those of libraries begin with `~lib/`. */
export interface Source {
  readonly normalizedPath: string
  readonly text: string
  readonly statements: readonly Node[]
}

/** A node of a syntax tree. */
export interface Node {
  readonly kind: number
  range: Range
}

/** A name, where it is declared or used. */
export interface Identifier extends Node {
  readonly text: string
}

/** A decorator, such as `@key("order-id")`. */
export interface Decorator extends Node {
  readonly name: Node & { readonly text?: string }
  readonly args: readonly (Node & { readonly literalKind?: number; readonly value?: unknown })[] | null
}

/** A type, as it is written. */
export interface TypeNode extends Node {
  readonly isNullable: boolean
}

interface NamedType extends TypeNode {
  readonly name: TypeName
  readonly typeArguments: readonly TypeNode[] | null
}

interface TypeName {
  readonly identifier: Identifier
  readonly next: TypeName | null
}

/** A field of a class; `parameterIndex` is that of the constructor's parameter that declares it, else -1. */
export interface Field extends Node {
  readonly name: Identifier
  readonly decorators: readonly Decorator[] | null
  flags: number
  readonly type: TypeNode
  readonly initializer: Node | null
  readonly parameterIndex: number
}

interface Method extends Node {
  readonly flags: number
  readonly signature: { readonly parameters: readonly { readonly initializer: Node | null }[] }
}

/** A class. */
export interface Class extends Node {
  readonly name: Identifier
  readonly decorators: readonly Decorator[] | null
  readonly typeParameters: readonly { readonly name: Identifier }[] | null
  readonly extendsType: NamedType | null
  readonly members: Node[]
}

/** The parser of a compilation, with all that it has parsed. */
export interface Parser {
  readonly sources: readonly Source[]
  readonly diagnostics: readonly unknown[]
  parseFile(text: string, path: string, isEntry: boolean): void
  error(code: number, range: Range, message: string): void
}

const NODE = {
  namedType: 1,
  literal: 17,
  class: 52,
  field: 55,
  method: 59,
  namespace: 60,
} as const
const STRING_LITERAL = 2
const FLAG = {
  static: 1 << 5,
  private: 1 << 9,
  protected: 1 << 10,
  definitelyAssigned: 1 << 14,
  constructor: 1 << 19,
} as const

/** The classes among statements, those of namespaces too. */
export function classesIn(statements: readonly Node[]): Class[] {
  return statements.flatMap((node) => {
    if (is(node, NODE.namespace)) return classesIn((node as Class).members)
    return is(node, NODE.class) ? [node as Class] : []
  })
}

/** The classes of the user's own sources: those of libraries, the SDK's too, are not theirs to change. */
export function ownClasses(sources: readonly Source[]): Class[] {
  return sources
    .filter(({ normalizedPath }) => !normalizedPath.startsWith('~lib/'))
    .flatMap(({ statements }) => classesIn(statements))
}

/** The decorator of that name on a class or a field. */
export function decoratorOf(
  { decorators }: Pick<Class | Field, 'decorators'>,
  name: string,
): Decorator | undefined {
  return decorators?.find((each) => each.name.text === name)
}

/** The text of a decorator's only argument, where it is a string. */
export function stringArgument({ args }: Decorator): string | undefined {
  const [first, ...more] = args ?? []
  const isString = first?.kind === NODE.literal && first.literalKind === STRING_LITERAL
  return isString && more.length === 0 ? String(first.value) : undefined
}

/** The fields of a class that its instances have, those of its constructor's parameters too. */
export function instanceFields({ members }: Class): Field[] {
  const fields = members.filter((member) => is(member, NODE.field)) as Field[]
  return fields.filter(({ flags }) => (flags & FLAG.static) === 0)
}

/** Whether only the class itself, or those that extend it, see a field. */
export function isHidden({ flags }: Field): boolean {
  return (flags & (FLAG.private | FLAG.protected)) !== 0
}

/** The constructor that a class has of its own. */
export function constructorOf({ members }: Class): Method | undefined {
  const methods = members.filter((member) => is(member, NODE.method)) as Method[]
  return methods.find(({ flags }) => (flags & FLAG.constructor) !== 0)
}

/** Says that a field gets its value before anyone reads it, as `name!: Type` does. */
export function markAssigned(field: Field): void {
  field.flags |= FLAG.definitelyAssigned
}

/** The type as the source may say it; undefined for one that has no name, such as that of a function. */
export function typeText(type: TypeNode): string | undefined {
  if (!is(type, NODE.namedType)) return undefined
  const { name, typeArguments, isNullable } = type as NamedType
  const args = (typeArguments ?? []).map(typeText)
  if (args.includes(undefined)) return undefined
  return `${nameText(name)}${args.length === 0 ? '' : `<${args.join(', ')}>`}${isNullable ? ' | null' : ''}`
}

/** The simple name of a type, and those of its arguments. */
export function typeNames(type: TypeNode): string[] {
  if (!is(type, NODE.namedType)) return []
  const { name, typeArguments } = type as NamedType
  return [nameText(name), ...(typeArguments ?? []).flatMap(typeNames)]
}

/** The text of a part of a source. */
export function sourceText({ source, start, end }: Range): string {
  return source.text.substring(start, end)
}

/** Makes nodes look as if they came from another place, so that faults and traps of theirs are shown there. */
export function moveTo(range: Range, node: unknown): void {
  if (Array.isArray(node)) for (const each of node) moveTo(range, each)
  else if (isNode(node)) {
    node.range = range
    for (const [name, value] of Object.entries(node)) if (name !== 'range') moveTo(range, value)
  }
}

function nameText({ identifier, next }: TypeName): string {
  return next === null ? identifier.text : `${identifier.text}.${nameText(next)}`
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value && 'range' in value
}

function is(node: Node, kind: number): boolean {
  return node.kind === kind
}
