import {
  constructorOf,
  decoratorOf,
  instanceFields,
  isHidden,
  markAssigned,
  moveTo,
  ownClasses,
  type Class,
  type Field,
  type Parser,
  type Source,
} from './ast.ts'
import { jsonMethods } from './code.ts'
import { hasZero, membersOf, type Report } from './members.ts'

const USER_DEFINED = 102 // the code of a diagnostic whose whole text is given

/**
 * A transform of the AssemblyScript compiler. Adds methods to each class with the decorator `@json`, with which the SDK's
 * `decode` and `encode` read and write it. A member that JSON can't have is a compiler error at that member.
 */
export class JsonClasses {
  /** Called by the compiler when all sources are parsed. */
  afterParse(parser: Parser): void {
    const report: Report = (range, problem) => parser.error(USER_DEFINED, range, problem)
    const all = ownClasses(parser.sources)
    const marked = all.filter((each) => decoratorOf(each, 'json') !== undefined)
    const names = new Set(marked.map(({ name }) => name.text))
    const plain = new Set(all.map(({ name }) => name.text).filter((name) => !names.has(name)))
    for (const declaration of marked) complete(declaration, { parser, names, plain, report })
  }
}

interface Context {
  readonly parser: Parser
  /** The names of all classes with `@json`. */
  readonly names: ReadonlySet<string>
  /** The names of the other classes of the user. */
  readonly plain: ReadonlySet<string>
  readonly report: Report
}

function complete(declaration: Class, { parser, names, plain, report }: Context): void {
  const { name, typeParameters, extendsType } = declaration
  const base = extendsType?.name.identifier.text
  if (base !== undefined && !names.has(base)) {
    report(name.range, `${name.text} extends ${base}, which is not for JSON: put @json before class ${base}`)
    return
  }
  const members = membersOf(declaration, plain, report)
  const parameters = (typeParameters ?? []).map((each) => each.name.text)
  const type = parameters.length === 0 ? name.text : `${name.text}<${parameters.join(', ')}>`
  addMethods(declaration, parsed(parser, jsonMethods({ type, extendsJson: base !== undefined, members })))
  if (constructorOf(declaration) !== undefined) return
  for (const field of instanceFields(declaration)) if (needsAssignment(field)) markAssigned(field)
}

/** Whether the compiler would require an initial value for a field that decoding sets. */
function needsAssignment(field: Field): boolean {
  const { type, initializer } = field
  return initializer === null && !isHidden(field) && !hasZero(type)
}

/** Parses the text of a class with another parser of the same compiler. */
function parsed(parser: Parser, text: string): Class {
  const Another = parser.constructor as new () => Parser
  const other = new Another()
  other.parseFile(text, 'generated.ts', false)
  const [source] = other.sources as [Source]
  const [declaration] = source.statements as Class[]
  if (declaration === undefined || other.diagnostics.length > 0)
    throw new Error(`the code for a @json class does not parse: ${text}`)
  return declaration
}

function addMethods(declaration: Class, generated: Class): void {
  moveTo(declaration.name.range, generated.members)
  declaration.members.push(...generated.members)
}
