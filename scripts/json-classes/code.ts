import type { Member } from './members.ts'

/** A class for which to generate code. */
export interface JsonClass {
  /** The name with its type parameters, such as `Page<T>`. */
  readonly type: string
  /** Whether it extends a class that has `@json` too. */
  readonly extendsJson: boolean
  readonly members: readonly Member[]
}

/** The methods, in AssemblyScript, that read a class from JSON and write it as JSON. Pure. */
export function jsonMethods({ type, extendsJson, members }: JsonClass): string {
  const head = extendsJson ? 'override ' : ''
  return `class Generated${extendsJson ? ' extends Base' : ''} {
${head}jobicoRead(json: JobicoJsonReader): void {
${extendsJson ? 'super.jobicoRead(json)\n' : ''}${members.map((member) => assignment(type, member)).join('')}}
${head}jobicoWrite(json: JobicoJsonWriter): void {
${extendsJson ? 'super.jobicoWrite(json)\n' : ''}${members.map(writing).join('')}}
}`
}

function assignment(owner: string, member: Member): string {
  const value = valueOf(member)
  if (value === undefined) return ''
  const { field, type } = member
  return `json.assign<${type}>(changetype<usize>(this), offsetof<${owner}>(${JSON.stringify(field)}), ${value})\n`
}

/** The expression for a field's value; undefined when the field keeps its initial zero or null. */
function valueOf({ key, type, isNullable, initial }: Member): string | undefined {
  if (key === undefined) return initial === undefined ? undefined : `(${initial})`
  const name = JSON.stringify(key)
  const required = `json.required<${type}>(${name})`
  if (initial !== undefined) return `json.contains(${name}) ? ${required} : (${initial})`
  return isNullable ? `json.optional<${type}>(${name})` : required
}

function writing({ key, field, type }: Member): string {
  return key === undefined ? '' : `json.member<${type}>(${JSON.stringify(key)}, this.${field})\n`
}
