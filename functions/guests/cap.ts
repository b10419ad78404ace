import { JobicoError } from '../shared/errors.ts'
import { lebOf } from './bytes.ts'
import { customSection } from './custom-section.ts'
import { LIMIT, readWasm, type WasmModule } from './wasm.ts'

/** Bytes of a page of linear memory. */
export const PAGE_BYTES = 65536

const MOST_PAGES = 65536
const MOST_TABLE_ENTRIES = 1_000_000
const MEMORY_SECTION = 5
const SHIFT_SECTION = 'jobico.shift'
const NOT_CAPPABLE: readonly (readonly [flag: number, fault: string])[] = [
  [LIMIT.shared, 'its memory is shared: compile it without threads and --sharedMemory'],
  [LIMIT.wide, 'its memory is addressed with 64 bits (memory64): compile it for wasm32'],
  [LIMIT.ownPages, 'its memory has pages of its own size: compile it with pages of 64 KiB'],
]

/** A copy of the module whose memory can't grow above `maxBytes`; MODULE_INVALID where that can't be had. */
export function capMemory(bytes: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const module = readWasm(bytes)
  const faults = memoryFaults(module, maxBytes)
  if (faults.length > 0) throw new JobicoError('MODULE_INVALID', faults.join('; '))
  return withMaximum(bytes, module, maxBytes)
}

/** What keeps a module's memory from being capped at `maxBytes`, each with its fix; empty where nothing does. */
export function memoryFaults(module: WasmModule, maxBytes: number): string[] {
  const faults: string[] = []
  if (module.imports.some(({ kind }) => kind === 'memory')) {
    faults.push('it imports its memory: compile it without --importMemory')
  }
  if (module.memories.length > 1) faults.push(`it has ${module.memories.length} memories: one is supported`)
  for (const { flags, min } of module.memories.slice(0, 1)) {
    faults.push(...NOT_CAPPABLE.filter(([flag]) => (flags & flag) !== 0).map(([, fault]) => fault))
    if (min > pagesIn(maxBytes)) {
      faults.push(
        `it starts with ${mebibytes(min * PAGE_BYTES)} of memory, its cap is ${mebibytes(maxBytes)}: ` +
          'raise `memory` of the event in the Job, or compile it with a smaller initial memory',
      )
    }
  }
  return faults
}

/** What is wrong with a module's tables. Their entries are on the thread's heap: too many of them end the whole process. */
export function tableFaults(module: WasmModule): string[] {
  const entries = module.tables.reduce((sum, { max }) => sum + max, 0)
  if (entries <= MOST_TABLE_ENTRIES) return []
  const size = Number.isFinite(entries) ? `${entries} entries` : 'entries without end'
  return [`its tables may have ${size}, the limit is ${MOST_TABLE_ENTRIES}: compile it without --growTable`]
}

/** As `capMemory`, for a module that was read and has no memory faults. */
export function withMaximum(
  bytes: Uint8Array,
  module: WasmModule,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  const [memory] = module.memories
  if (!memory || !module.memorySection) return new Uint8Array(bytes)
  const [start, end] = module.memorySection
  const max = Math.min(memory.max, pagesIn(maxBytes))
  const body = [1, LIMIT.bounded, ...lebOf(memory.min), ...lebOf(max)]
  const section = Uint8Array.from([MEMORY_SECTION, ...lebOf(body.length), ...body])
  const shift = customSection(SHIFT_SECTION, Uint8Array.from([section.length - (end - start)]))
  return new Uint8Array(Buffer.concat([bytes.subarray(0, start), section, bytes.subarray(end), shift]))
}

/** By how many bytes the cap has moved what comes after the memory section, such as the code. */
export function capShift(module: WebAssembly.Module): number {
  const section = WebAssembly.Module.customSections(module, SHIFT_SECTION).at(-1) // an earlier one is the module's own
  return section?.byteLength === 1 ? new DataView(section).getInt8(0) : 0
}

/** Bytes as MiB with at most one decimal, such as `64 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 1048576) * 10) / 10} MiB`
}

function pagesIn(bytes: number): number {
  return Math.min(Math.floor(bytes / PAGE_BYTES), MOST_PAGES)
}
