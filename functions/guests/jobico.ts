import { decodeUtf8 } from '../cloudevents/json.ts'
import { REASON_CHARS, cut, type Abi, type Execute, type Host, type LogLevel, type Outcome } from './abi.ts'
import { IDLE_GUEST, end, executor, trapped, type Guest } from './execution.ts'
import { MAX_LINE_BYTES } from './log-limit.ts'
import { bare, bindHostFunctions, hostFunction, typesOf, type HostFunctions } from './host-functions.ts'
import { PREVIEW1, PREVIEW1_TYPES } from './wasi/preview1-types.ts'
import { loggedStreams } from './wasi/preview1.ts'
import { RESULT_CHARS, broken, isJson, jsonOutcome, textOf, tooLarge } from './result.ts'

interface GuestExports {
  readonly memory: WebAssembly.Memory
  readonly init: () => void
  readonly event: (result: number, pointer: number, length: number) => void
  readonly malloc: (size: number) => number
  readonly _start?: () => void
  readonly _initialize?: () => void
}

/** A range of the guest's memory, in bytes. */
interface Range {
  readonly start: number
  readonly length: number
}

// A u64 with the number of the error, then a u64 with the pointer of the text in the upper half, its length in the lower.
const RESULT_BYTES = 16
const REJECTS = { first: 400n, last: 499n }
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal', 'fatal', 'info']
const LOSSY = new TextDecoder()
const ENCODER = new TextEncoder()

const ENV: HostFunctions<Guest> = {
  log: hostFunction('(i32, i32, i32) -> nothing', (guest, host) => {
    return (level: number, pointer: number, length: number) => {
      if (!guest.memory) return end(guest, trapped('it called log before its start was over'))
      // One byte more than a line may have, so that the log limit sees that the line has to be cut.
      const range = { start: pointer >>> 0, length: Math.min(length >>> 0, MAX_LINE_BYTES + 1) }
      const bytes = bytesAt(guest.memory, range)
      host.log(LEVELS[level] ?? 'info', bytes ? LOSSY.decode(bytes) : `(no text at ${range.start})`)
    }
  }),
}

/**
 * The ABI of modules that were built for the system that Jobico replaces; they run unchanged. The input is the data as JSON
 * text, the output the number of an error and a text. `free` must be exported, as all such modules do, but is never called,
 * since an instance ends with its execution.
 */
export const jobico: Abi<'jobico'> = {
  name: 'jobico',
  entry: new Map([
    ['init', { types: ['() -> nothing'], fix: 'export a function without parameters and results' }],
    ['event', { types: ['(i32, i32, i32) -> nothing'], fix: 'export event(result, pointer, length)' }],
  ]),
  needs: new Map([
    ['memory', { types: ['memory'], fix: 'export the memory' }],
    ['malloc', { types: ['(i32) -> i32'], fix: 'export malloc(size), which gives back a pointer' }],
    [
      'free',
      {
        types: ['(i32) -> nothing', '(i32, i32) -> nothing'],
        fix: 'export free(pointer), or free(pointer, size) where ver() is 1',
      },
    ],
  ]),
  optional: new Map([
    ['ver', { types: ['() -> i32'], fix: 'export ver(), which gives back 0 or 1' }],
    ['_start', { types: ['() -> nothing'], fix: 'export it without parameters and results' }],
    ['_initialize', { types: ['() -> nothing'], fix: 'export it without parameters and results' }],
  ]),
  forbidden: undefined,
  imports: new Map([
    ['env', typesOf(ENV)],
    [PREVIEW1, PREVIEW1_TYPES],
  ]),
  emitting: new Set(),
  input: ({ data }) => ({ text: data === undefined ? '' : decodeUtf8(data) }),
  prepare,
}

function prepare(module: WebAssembly.Module, host: Host): Execute {
  const guest = { ...IDLE_GUEST, module }
  const streams = loggedStreams(guest, host)
  const imports = bare([['env', bindHostFunctions(ENV, guest, host)], ...streams.imports])
  return executor(guest, IDLE_GUEST, ({ text }) => streams.during(() => run(module, imports, guest, text)))
}

function run(module: WebAssembly.Module, imports: WebAssembly.Imports, guest: Guest, text: string): Outcome {
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as GuestExports
  const { memory } = exports
  guest.memory = memory
  const start = exports._start ?? exports._initialize
  start?.()
  exports.init()
  const data = ENCODER.encode(text)
  const given = allocate(exports, guest, data.length)
  bytesAt(memory, given)?.set(data)
  // An old malloc in Rust returns memory that it has freed already, so both calls may give the same address. That does no
  // harm: such modules have read the data before they write the result.
  const result = allocate(exports, guest, RESULT_BYTES)
  exports.event(result.start, given.start, given.length)
  return outcomeAt(memory, result)
}

function allocate({ malloc, memory }: GuestExports, guest: Guest, length: number): Range {
  guest.wanted = length
  const start = malloc(length) >>> 0
  if (length > 0 && start === 0) throw new Error(`malloc gave back 0 for ${length} bytes: out of memory`)
  guest.wanted = 0
  if (bytesAt(memory, { start, length })) return { start, length }
  return end(guest, trapped(`malloc gave back ${start} for ${length} bytes, ${outside(memory)}`))
}

function outcomeAt(memory: WebAssembly.Memory, { start }: Range): Outcome {
  const view = new DataView(memory.buffer, start, RESULT_BYTES)
  const error = view.getBigUint64(0, true)
  const range = { start: view.getUint32(12, true), length: view.getUint32(8, true) }
  const bytes = bytesAt(memory, range)
  if (!bytes) return broken(`event gave back ${range.length} bytes at ${range.start}, ${outside(memory)}`)
  return error === 0n ? resultOf(bytes) : failureOf(error, bytes)
}

/** The data of a result: the text if it is JSON, else the text as a JSON string, since such modules return either. */
function resultOf(bytes: Uint8Array): Outcome {
  if (bytes.length === 0) return { kind: 'ok', data: undefined }
  if (bytes.length > RESULT_CHARS) return tooLarge(String(bytes.length), 'bytes')
  const text = textOf(bytes)
  if (text === undefined) return broken('the result is not UTF-8')
  const outcome = jsonOutcome(text)
  return outcome.kind === 'ok' || isJson(text) ? outcome : { kind: 'ok', data: JSON.stringify(text) }
}

function failureOf(error: bigint, bytes: Uint8Array): Outcome {
  const text = LOSSY.decode(bytes.subarray(0, REASON_CHARS * 4))
  const reason = cut(text === '' ? `error ${error}` : `error ${error}: ${text}`, REASON_CHARS)
  const isReject = error >= REJECTS.first && error <= REJECTS.last
  return isReject
    ? { kind: 'reject', code: 'REJECTED', reason }
    : { kind: 'retry', code: 'RETRY_REQUESTED', reason }
}

function bytesAt({ buffer }: WebAssembly.Memory, { start, length }: Range): Uint8Array | undefined {
  return start + length <= buffer.byteLength ? new Uint8Array(buffer, start, length) : undefined
}

function outside({ buffer }: WebAssembly.Memory): string {
  return `outside of its memory of ${buffer.byteLength} bytes`
}
