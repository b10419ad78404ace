import { REASON_CHARS, cut } from '../abi.ts'
import type { Guest } from '../execution.ts'

/** The fix for a module that calls the host while it is instantiated, when its memory can't be read yet. */
export const EXPORT_START = 'compile it with --exportStart _initialize'

const STRING_ID = 2
const FIRST_POINTER = 20 // a managed object has its header of 20 bytes before it

/** The UTF-16 bytes of the string at a pointer of AssemblyScript; undefined if none is there. The pointer is not trusted. */
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

/** A text of the guest for a log or a reason, cut to `most` characters; a null pointer gives an empty text. */
export function textAt(guest: Guest, pointer: number, most = REASON_CHARS): string {
  if (pointer === 0) return ''
  if (!guest.memory) return `(a text of its start function; to see it, ${EXPORT_START})`
  const bytes = stringAt(guest.memory, pointer)
  if (!bytes) return `(no string at ${pointer >>> 0})`
  return cut(bytes.toString('utf16le', 0, Math.min(bytes.length, (most + 1) * 2)), most)
}
