import { cut } from '../abi.ts'

/** The maximum length of a module's name or export in a message, in UTF-16 units. */
const NAME_CHARS = 80

/** A name from a module, made safe for a message: cut, and with U+FFFD for each control character. */
export function printableName(name: string): string {
  return cut(name, NAME_CHARS).replaceAll(/\p{C}/gu, '\u{fffd}')
}
