import { REASON_CHARS, cut, type Outcome } from './abi.ts'
import { PAGE_BYTES, mebibytes } from './cap.ts'
import { messageOf } from '../shared/errors.ts'

// What a failed allocation ends in: compilers trap where the memory can't grow, or write past its end.
const MAY_BE_MEMORY = /unreachable|out of bounds/
const OUT_OF_MEMORY = /allocate|out of memory/i
const FRAME = /(?:at (\S+) \()?wasm:\/\/[^\s)]*wasm-function\[(\d+)\]:(0x[0-9a-f]+)/

/**
 * The outcome of a guest that threw: what happened, where, and whether more `memory` may mend it. `wanted` are the bytes
 * that the host was asking it for. Spoils `memory`.
 */
export function trapOutcome(
  thrown: unknown,
  memory: WebAssembly.Memory | undefined,
  wanted: number,
): Outcome {
  const message =
    thrown instanceof WebAssembly.Exception ? 'an exception that it does not catch' : messageOf(thrown)
  const reason = `the module trapped: ${message}${placeOf(thrown)}${memoryHint(message, memory, wanted)}`
  return { kind: 'retry', code: 'MODULE_TRAP', reason: cut(reason, REASON_CHARS) }
}

function placeOf(thrown: unknown): string {
  const frame = thrown instanceof Error ? FRAME.exec(thrown.stack ?? '') : null
  return frame ? ` in ${frame[1] ?? `function ${frame[2] ?? '?'}`} at ${frame[3] ?? '?'}` : ''
}

function memoryHint(message: string, memory: WebAssembly.Memory | undefined, wanted: number): string {
  if (OUT_OF_MEMORY.test(message)) return ': there is not enough memory; lower `memory` or `concurrency`'
  if (!memory || !MAY_BE_MEMORY.test(message)) return ''
  const bytes = memory.buffer.byteLength
  const more = Math.max(bytes, wanted) // an allocator asks for twice of what it has, or for what is wanted
  if (canGrow(memory, Math.ceil(more / PAGE_BYTES))) return ''
  return `, with ${mebibytes(bytes)} of memory in use and no room for ${mebibytes(more)} more: raise \`memory\``
}

// The instance is thrown away, so growing it can simply be tried.
function canGrow(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages)
    return true
  } catch {
    return false
  }
}
