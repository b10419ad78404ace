import { JobicoError } from '../../process/errors.ts'
import { joined, lebOf } from './bytes.ts'
import { customSection } from '../traps/custom-section.ts'
import { LIMIT, readWasm, type SectionRange, type WasmModule } from './wasm.ts'

/** The bytes of a page of linear memory. */
export const PAGE_BYTES = 65536

const MOST_PAGES = 65536
const MOST_TABLE_ENTRIES = 1_000_000
/** Every new instance copies the element segments into its tables, which nothing can stop; this much takes 0.2 s. */
const MOST_ELEMENT_BYTES = 2_000_000
const TABLE_SECTION = 4
const MEMORY_SECTION = 5
const SHIFT_SECTION = 'jobico.shift'
const NOT_CAPPABLE: readonly (readonly [flag: number, fault: string])[] = [
  [LIMIT.shared, 'its memory is shared: compile it without threads and --sharedMemory'],
  [LIMIT.wide, 'its memory is addressed with 64 bits (memory64): compile it for wasm32'],
  [LIMIT.ownPages, 'its memory has pages of its own size: compile it with pages of 64 KiB'],
]

/** A copy of the module whose memory can't grow above `maxBytes`. Throws MODULE_INVALID when its memory can't be limited. */
export function capMemory(bytes: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const module = readWasm(bytes)
  const faults = [...memoryFaults(module, maxBytes), ...tableFaults(module)]
  if (faults.length > 0) throw new JobicoError('MODULE_INVALID', faults.join('; '))
  return withMaximum(bytes, module, maxBytes)
}

/** The reasons why a module's memory can't be limited to `maxBytes`, each with its fix; empty if it can. */
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

/** The faults of a module's tables. Their entries are on the thread's heap, where too many would end the whole process. */
export function tableFaults(module: WasmModule): string[] {
  const { elementBytes } = module
  const entries = leastEntries(module)
  const faults: string[] = []
  if (entries > MOST_TABLE_ENTRIES) {
    faults.push(
      `its tables may have ${entries} entries, the limit is ${MOST_TABLE_ENTRIES}: compile it with fewer`,
    )
  }
  if (elementBytes > MOST_ELEMENT_BYTES) {
    faults.push(
      `what fills its tables has ${elementBytes} bytes, the limit is ${MOST_ELEMENT_BYTES}: compile it with fewer element segments`,
    )
  }
  return faults
}

/** As `capMemory`, for a module that is read already and has no faults. Limits its tables too. */
export function withMaximum(
  bytes: Uint8Array,
  module: WasmModule,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  const edits = [...cappedTables(module), ...cappedMemory(module, maxBytes)]
  const parts: Uint8Array[] = []
  let done = 0
  let shift = 0
  for (const { range, section } of edits.sort((one, other) => one.range[0] - other.range[0])) {
    const [start, end] = range
    parts.push(bytes.subarray(done, start), section)
    done = end
    shift += section.length - (end - start)
  }
  parts.push(bytes.subarray(done))
  if (edits.length > 0) parts.push(customSection(SHIFT_SECTION, new Uint8Array(Int32Array.of(shift).buffer)))
  return joined(parts)
}

/** A section that replaces the bytes of another. */
interface Edit {
  readonly range: SectionRange
  readonly section: Uint8Array
}

function cappedMemory({ memories, memorySection }: WasmModule, maxBytes: number): Edit[] {
  const [memory] = memories
  if (!memory || !memorySection) return []
  const max = Math.min(memory.max, pagesIn(maxBytes))
  const body = [1, LIMIT.bounded, ...lebOf(memory.min), ...lebOf(max)]
  return [{ range: memorySection, section: sectionOf(MEMORY_SECTION, body) }]
}

/** Gives tables without a maximum, as Go makes them, an equal share of the entries that the other tables leave. */
function cappedTables(module: WasmModule): Edit[] {
  const { tables, tableSection } = module
  const endless = tables.filter(({ max }) => max === Infinity).length
  if (endless === 0 || !tableSection) return []
  const share = Math.floor((MOST_TABLE_ENTRIES - leastEntries(module)) / endless)
  const body = tables.flatMap(({ element, flags, min, max }) => [
    ...[element, flags | LIMIT.bounded],
    ...[...lebOf(min), ...lebOf(max === Infinity ? min + share : max)],
  ])
  return [{ range: tableSection, section: sectionOf(TABLE_SECTION, [...lebOf(tables.length), ...body]) }]
}

/** The entries that the tables can hold at most; of a table without a maximum, the ones that it starts with. */
function leastEntries({ tables }: WasmModule): number {
  return tables.reduce((sum, { min, max }) => sum + (max === Infinity ? min : max), 0)
}

function sectionOf(id: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...lebOf(body.length), ...body])
}

/** By how many bytes the memory limit has moved the sections after it, such as the code. */
export function capShift(module: WebAssembly.Module): number {
  const section = WebAssembly.Module.customSections(module, SHIFT_SECTION).at(-1) // an earlier one would be the module's own
  return section?.byteLength === 4 ? new DataView(section).getInt32(0, true) : 0
}

/** Bytes as MiB with at most one decimal, such as `64 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 1048576) * 10) / 10} MiB`
}

function pagesIn(bytes: number): number {
  return Math.min(Math.floor(bytes / PAGE_BYTES), MOST_PAGES)
}
