import { cut } from '../abi.ts'

/** The most characters of a name out of a module that stand in a message. */
const NAME_CHARS = 80

/** A name out of a module as it may stand in a message: short, and without control characters. */
export function printableName(name: string): string {
  return cut(name, NAME_CHARS).replaceAll(/\p{C}/gu, '\u{fffd}')
}
