import { instantiateSync, type Imports } from '@assemblyscript/loader'
import { messageOf } from '../shared/errors.ts'
import { REASON_CHARS, cut, type Abi, type Execute, type Host, type LogLevel, type Outcome } from './abi.ts'
import { LINE_BYTES } from './line-limit.ts'
import { trapOutcome } from './trap.ts'

/** The instance that runs now, as the imported functions see it. Its first `ended` stands, whatever the guest does then. */
interface Guest {
  memory: WebAssembly.Memory | undefined
  newString: ((text: string) => number) | undefined
  /** Bytes that the host is asking it for. */
  wanted: number
  ended: Outcome | undefined
}

interface GuestExports extends Record<string, unknown> {
  memory: WebAssembly.Memory
  handle: (event: number) => number
  _start?: () => void
  _initialize?: () => void
}

interface Offer {
  readonly type: string
  readonly make: (guest: Guest, host: Host) => (...args: never[]) => unknown
}

type Offers = Readonly<Record<string, Offer>>

const STRING_ID = 2
const FIRST_POINTER = 20 // the header of a managed object is before it
const RESULT_CHARS = 8 * 1024 * 1024
const FILE_CHARS = 128
const MOST_DELAY_MS = 30 * 86_400_000
const AT_REST: Guest = { memory: undefined, newString: undefined, wanted: 0, ended: undefined }
const ENDED = new Error('the guest has ended its execution')
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal', 'fatal']
const EXPORT_START = 'compile it with --exportStart _initialize'
const EXPORT_RUNTIME = 'compile it with --exportRuntime'

const ENV: Offers = {
  abort: offer('(i32, i32, i32, i32) -> nothing', (guest) => (message: number, ...place: number[]) => {
    const [file = 0, line = 0, column = 0] = place
    const at = `${textAt(guest, file, FILE_CHARS)}:${line >>> 0}:${column >>> 0}`
    const why = message === 0 ? '' : `: ${textAt(guest, message, REASON_CHARS)}`
    end(guest, trapped(`abort${why} at ${at}`))
  }),
  trace: offer('(i32, i32, f64, f64, f64, f64, f64) -> nothing', (guest, host) => {
    return (message: number, count: number, ...values: number[]) =>
      host.log(
        'debug',
        [textAt(guest, message, LINE_BYTES), ...values.slice(0, Math.max(count, 0))].join(' '),
      )
  }),
  seed: offer('() -> f64', () => () => Math.random() * Number.MAX_SAFE_INTEGER),
  'Date.now': offer('() -> f64', () => () => Date.now()),
  'Math.random': offer('() -> f64', () => () => Math.random()),
  'console.debug': line('debug'),
  'console.log': line('info'),
  'console.info': line('info'),
  'console.warn': line('warn'),
  'console.error': line('error'),
}

const SDK: Offers = {
  log: offer('(i32, i32) -> nothing', (guest, host) => (level: number, message: number) => {
    host.log(LEVELS[level] ?? 'info', textAt(guest, message, LINE_BYTES))
  }),
  reject: offer('(i32) -> nothing', (guest) => (reason: number) => {
    end(guest, { kind: 'reject', code: 'REJECTED', reason: textAt(guest, reason, REASON_CHARS) })
  }),
  retry: offer('(f64, i32) -> nothing', (guest) => (afterSeconds: number, reason: number) => {
    const after =
      afterSeconds >= 0 ? { afterMs: Math.min(Math.round(afterSeconds * 1000), MOST_DELAY_MS) } : {}
    end(guest, {
      kind: 'retry',
      code: 'RETRY_REQUESTED',
      reason: textAt(guest, reason, REASON_CHARS),
      ...after,
    })
  }),
  env: offer('(i32) -> i32', (guest, host) => (name: number) => {
    if (!guest.memory) return end(guest, trapped(`it called env before its start was over: ${EXPORT_START}`))
    const value = host.env.get(textAt(guest, name, LINE_BYTES))
    return value === undefined ? 0 : place(guest, value)
  }),
}

/** Modules of AssemblyScript that export `handle(event: string): string | null`; a null is ok without data. */
export const assemblyscript: Abi<'assemblyscript'> = {
  name: 'assemblyscript',
  entry: new Map([
    ['handle', { type: '(i32) -> i32', fix: 'write `export function handle(event: string): string | null`' }],
  ]),
  needs: new Map([
    ['memory', { type: 'memory', fix: 'compile it without --noExportMemory' }],
    ['__new', { type: '(i32, i32) -> i32', fix: EXPORT_RUNTIME }],
    ['__pin', { type: '(i32) -> i32', fix: EXPORT_RUNTIME }],
    ['__unpin', { type: '(i32) -> nothing', fix: EXPORT_RUNTIME }],
    ['__collect', { type: '() -> nothing', fix: EXPORT_RUNTIME }],
  ]),
  optional: new Map([
    ['_start', { type: '() -> nothing', fix: EXPORT_START }],
    ['_initialize', { type: '() -> nothing', fix: EXPORT_START }],
  ]),
  // The loader makes objects of these names, and would write into the prototype of every object of the thread.
  forbidden: /#|__proto__/,
  imports: new Map([
    ['env', typesOf(ENV)],
    ['jobico', typesOf(SDK)],
  ]),
  prepare,
}

function prepare(module: WebAssembly.Module, host: Host): Execute {
  const guest = { ...AT_REST }
  const imports = importsOf(guest, host)
  return (event) => {
    try {
      const result = call(module, imports, guest, event)
      return guest.ended ?? resultOf(guest, result)
    } catch (thrown) {
      return guest.ended ?? trapOutcome(thrown, guest.memory, guest.wanted)
    } finally {
      Object.assign(guest, AT_REST) // which lets go of the instance
    }
  }
}

function call(module: WebAssembly.Module, imports: Imports, guest: Guest, event: string): number {
  const { exports } = instantiateSync<GuestExports>(module, imports)
  guest.memory = exports.memory
  guest.newString = (text) => exports.__newString(text)
  const start = exports._start ?? exports._initialize
  start?.()
  return exports.handle(exports.__pin(place(guest, event)))
}

/** Puts a text into the guest's memory. It may trap, and `wanted` tells then how much it had no room for. */
function place(guest: Guest, text: string): number {
  guest.wanted = text.length * 2
  const pointer = guest.newString?.(text) ?? 0
  guest.wanted = 0
  return pointer
}

function resultOf(guest: Guest, pointer: number): Outcome {
  if (pointer === 0) return { kind: 'ok', data: undefined }
  const bytes = stringAt(guest.memory, pointer)
  if (!bytes) return broken(`handle gave back ${pointer >>> 0}, where there is no string`)
  if (bytes.length > RESULT_CHARS * 2) {
    const reason = `the result has ${bytes.length / 2} characters, the limit is ${RESULT_CHARS}: give back less`
    return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
  }
  const data = bytes.toString('utf16le')
  if (!data.isWellFormed()) return broken('the result has half of a surrogate pair: it is not Unicode')
  try {
    JSON.parse(data)
  } catch (thrown) {
    return broken(`the result is not JSON: ${messageOf(thrown)}`)
  }
  return { kind: 'ok', data }
}

/** The bytes of the string that a pointer of the guest names; undefined where there is none. Nothing is trusted. */
function stringAt(memory: WebAssembly.Memory | undefined, pointer: number): Buffer | undefined {
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
function textAt(guest: Guest, pointer: number, most: number): string {
  if (pointer === 0) return ''
  if (!guest.memory) return `(a text of its start function; to see it, ${EXPORT_START})`
  const bytes = stringAt(guest.memory, pointer)
  if (!bytes) return `(no string at ${pointer >>> 0})`
  return cut(bytes.toString('utf16le', 0, Math.min(bytes.length, (most + 1) * 2)), most)
}

/** Unwinds the guest. It may catch this, and gains nothing: the outcome is kept here. */
function end(guest: Guest, outcome: Outcome): never {
  guest.ended ??= outcome
  throw ENDED
}

function trapped(problem: string): Outcome {
  return { kind: 'retry', code: 'MODULE_TRAP', reason: cut(problem, REASON_CHARS) }
}

function broken(problem: string): Outcome {
  return { kind: 'retry', code: 'RESULT_INVALID', reason: cut(problem, REASON_CHARS) }
}

function offer(type: string, make: Offer['make']): Offer {
  return { type, make }
}

function line(level: LogLevel): Offer {
  return offer('(i32) -> nothing', (guest, host) => {
    return (message: number) => host.log(level, textAt(guest, message, LINE_BYTES))
  })
}

function typesOf(offers: Offers): ReadonlyMap<string, string> {
  return new Map(Object.entries(offers).map(([name, { type }]) => [name, type]))
}

// Null prototypes, or a module could import what every object inherits; `Math` and `Date` are empty, or the loader
// would hand over those of the host.
function importsOf(guest: Guest, host: Host): Imports {
  const made = (offers: Offers) =>
    bare(Object.entries(offers).map(([name, { make }]) => [name, make(guest, host)]))
  return bare([
    ['env', made(ENV)],
    ['jobico', made(SDK)],
    ['Math', bare([])],
    ['Date', bare([])],
  ])
}

function bare<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries))
}
