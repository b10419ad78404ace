import type { Emitted, LogLevel } from '../abi.ts'
import { emitFault } from '../emit.ts'
import { end, rejected, retryRequested, trapped, type Guest } from '../execution.ts'
import { MAX_LINE_BYTES } from '../log-limit.ts'
import { EXPORT_START, stringAt, textAt } from './managed-string.ts'
import { hostFunction, type HostFunction, type HostFunctions } from '../host-functions.ts'
import { trapLocations } from '../traps/locations.ts'
import { RESULT_CHARS, broken, jsonFault } from '../result.ts'
import { isLibrarySource } from '../traps/source-map.ts'

/** The state of the running instance of a module in AssemblyScript. */
export interface ScriptGuest extends Guest {
  newString: ((text: string) => number) | undefined
  emitted: readonly Emitted[]
}

const FILE_CHARS = 128
const MESSAGE_CHARS = 256 // leaves space for the locations in a reason
const EVENT_CHARS = 64
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal', 'fatal']

/** The functions that the standard library of AssemblyScript imports from `env`. */
export const ENV: HostFunctions<ScriptGuest> = {
  abort: hostFunction(
    '(i32, i32, i32, i32) -> nothing',
    (guest) =>
      (message: number, ...location: number[]) => {
        const [file = 0, line = 0, column = 0] = location
        const source = textAt(guest, file, FILE_CHARS)
        const why = message === 0 ? '' : `: ${textAt(guest, message, MESSAGE_CHARS)}`
        const where = trapLocations(new Error(), guest.module, !isLibrarySource(source)).text
        end(guest, trapped(`abort${why} at ${source}:${line >>> 0}:${column >>> 0}${where}`))
      },
  ),
  trace: hostFunction('(i32, i32, f64, f64, f64, f64, f64) -> nothing', (guest, host) => {
    return (message: number, count: number, ...values: number[]) =>
      host.log(
        'debug',
        [textAt(guest, message, MAX_LINE_BYTES), ...values.slice(0, Math.max(count, 0))].join(' '),
      )
  }),
  seed: hostFunction('() -> f64', () => () => Math.random() * Number.MAX_SAFE_INTEGER),
  'Date.now': hostFunction('() -> f64', () => () => Date.now()),
  'Math.random': hostFunction('() -> f64', () => () => Math.random()),
  'console.debug': line('debug'),
  'console.log': line('info'),
  'console.info': line('info'),
  'console.warn': line('warn'),
  'console.error': line('error'),
}

/** The functions that the SDK imports from `jobico`. */
export const SDK: HostFunctions<ScriptGuest> = {
  log: hostFunction('(i32, i32) -> nothing', (guest, host) => (level: number, message: number) => {
    host.log(LEVELS[level] ?? 'info', textAt(guest, message, MAX_LINE_BYTES))
  }),
  reject: hostFunction('(i32) -> nothing', (guest) => (reason: number) => {
    end(guest, rejected(textAt(guest, reason)))
  }),
  retry: hostFunction('(f64, i32) -> nothing', (guest) => (afterSeconds: number, reason: number) => {
    end(guest, retryRequested(textAt(guest, reason), afterSeconds))
  }),
  env: hostFunction('(i32) -> i32', (guest, host) => (name: number) => {
    if (!guest.memory) return end(guest, trapped(`it called env before its start was over: ${EXPORT_START}`))
    const value = host.env.get(textAt(guest, name, MAX_LINE_BYTES))
    return value === undefined ? 0 : writeString(guest, value)
  }),
  emit: hostFunction('(i32, i32) -> nothing', (guest, host) => (event: number, data: number) => {
    const next = { event: textAt(guest, event, EVENT_CHARS), data: dataAt(guest, data) }
    const fault = emitFault(host, guest.emitted, next)
    if (fault !== undefined) end(guest, fault)
    const jsonProblem = jsonFault(`what it emits to ${next.event}`, next.data)
    if (jsonProblem !== undefined) end(guest, broken(jsonProblem))
    guest.emitted = [...guest.emitted, next]
  }),
}

/** Allocates a string in the guest's memory; gives its pointer. If that traps, `guest.wanted` is the size in bytes. */
export function writeString(guest: ScriptGuest, text: string): number {
  guest.wanted = text.length * 2
  const pointer = guest.newString?.(text) ?? 0
  guest.wanted = 0
  return pointer
}

function dataAt(guest: ScriptGuest, pointer: number): string {
  const bytes = stringAt(guest.memory, pointer)
  if (!bytes) return end(guest, broken(`emit was given ${pointer >>> 0}, where there is no string`))
  const text = bytes.toString('utf16le', 0, Math.min(bytes.length, (RESULT_CHARS + 1) * 2))
  return text.isWellFormed() ? text : end(guest, broken('what it emits has half of a surrogate pair'))
}

function line(level: LogLevel): HostFunction<ScriptGuest> {
  return hostFunction('(i32) -> nothing', (guest, host) => {
    return (message: number) => host.log(level, textAt(guest, message, MAX_LINE_BYTES))
  })
}
