import { REASON_CHARS, cut } from '../abi.ts'
import type { Guest } from '../execution.ts'

/** How to see what a module does before its memory is known. */
export const EXPORT_START = 'compile it with --exportStart _initialize'

const STRING_ID = 2
const FIRST_POINTER = 20 // the header of a managed object is before it

/** The UTF-16 of the string that a pointer of AssemblyScript names; undefined where there is none. Nothing is trusted. */
export function stringAt(memory: WebAssembly.Memory | undefined, pointer: number): Buffer | undefined {
  if (!memory) return undefined
  const { buffer } = memory
  const start = pointer >>> 0
  if (start < FIRST_POINTER || start > buffer.byteLength) return undefined
  const view = new DataView(buffer, start - 8, 8)
  const length = view.getUint32(4, true)
  if (view.getUint32(0, true) !== STRING_ID || length % 2 !== 0 || length > buffer.byteLength - start)
    return undefined
  return Buffer.from(buffer, start, length)
}

/** A text of the guest for people to read, of at most `most` characters; null is an empty one. */
export function textAt(guest: Guest, pointer: number, most = REASON_CHARS): string {
  if (pointer === 0) return ''
  if (!guest.memory) return `(a text of its start function; to see it, ${EXPORT_START})`
  const bytes = stringAt(guest.memory, pointer)
  if (!bytes) return `(no string at ${pointer >>> 0})`
  return cut(bytes.toString('utf16le', 0, Math.min(bytes.length, (most + 1) * 2)), most)
}
