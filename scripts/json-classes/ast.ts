// The parts of the AssemblyScript compiler's syntax trees that the transform needs. The compiler's own types are classes and
// const enums: to use them, a transform would have to load a second compiler.

/** A part of a source. */
export interface Range {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** One source file. Its path is relative to the project; paths of libraries begin with `~lib/`. */
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

/** A name at the place where it is declared or used. */
export interface Identifier extends Node {
  readonly text: string
}

/** A decorator, such as `@key("order-id")`. */
export interface Decorator extends Node {
  readonly name: Node & { readonly text?: string }
  readonly args: readonly (Node & { readonly literalKind?: number; readonly value?: unknown })[] | null
}

/** A type as the source writes it. */
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

/** A field of a class. `parameterIndex` is the index of the constructor's parameter that declares it, or -1. */
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

/** The parser of a compilation, with all parsed sources. */
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

/** The classes among statements, also those within namespaces. */
export function classesIn(statements: readonly Node[]): Class[] {
  return statements.flatMap((node) => {
    if (is(node, NODE.namespace)) return classesIn((node as Class).members)
    return is(node, NODE.class) ? [node as Class] : []
  })
}

/** The classes of the user's own sources. Those of libraries, which include the SDK, must not be changed. */
export function ownClasses(sources: readonly Source[]): Class[] {
  return sources
    .filter(({ normalizedPath }) => !normalizedPath.startsWith('~lib/'))
    .flatMap(({ statements }) => classesIn(statements))
}

/** The decorator with this name on a class or a field. */
export function decoratorOf(
  { decorators }: Pick<Class | Field, 'decorators'>,
  name: string,
): Decorator | undefined {
  return decorators?.find((each) => each.name.text === name)
}

/** The decorator's argument, if it has exactly one and that is a string literal. */
export function stringArgument({ args }: Decorator): string | undefined {
  const [first, ...more] = args ?? []
  const isString = first?.kind === NODE.literal && first.literalKind === STRING_LITERAL
  return isString && more.length === 0 ? String(first.value) : undefined
}

/** The instance fields of a class, also those that the constructor's parameters declare. */
export function instanceFields({ members }: Class): Field[] {
  const fields = members.filter((member) => is(member, NODE.field)) as Field[]
  return fields.filter(({ flags }) => (flags & FLAG.static) === 0)
}

/** Whether a field is private or protected. */
export function isHidden({ flags }: Field): boolean {
  return (flags & (FLAG.private | FLAG.protected)) !== 0
}

/** The constructor that the class itself declares, if any. */
export function constructorOf({ members }: Class): Method | undefined {
  const methods = members.filter((member) => is(member, NODE.method)) as Method[]
  return methods.find(({ flags }) => (flags & FLAG.constructor) !== 0)
}

/** Marks a field as definitely assigned, as `name!: Type` does. */
export function markAssigned(field: Field): void {
  field.flags |= FLAG.definitelyAssigned
}

/** The type as source text; undefined for a type without a name, such as that of a function. */
export function typeText(type: TypeNode): string | undefined {
  if (!is(type, NODE.namedType)) return undefined
  const { name, typeArguments, isNullable } = type as NamedType
  const args = (typeArguments ?? []).map(typeText)
  if (args.includes(undefined)) return undefined
  return `${nameText(name)}${args.length === 0 ? '' : `<${args.join(', ')}>`}${isNullable ? ' | null' : ''}`
}

/** The names of a type and of its type arguments, without those arguments' brackets. */
export function typeNames(type: TypeNode): string[] {
  if (!is(type, NODE.namedType)) return []
  const { name, typeArguments } = type as NamedType
  return [nameText(name), ...(typeArguments ?? []).flatMap(typeNames)]
}

/** The text of a part of a source. */
export function sourceText({ source, start, end }: Range): string {
  return source.text.substring(start, end)
}

/** Gives nodes another source range, so that compiler errors and traps are shown there. */
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
