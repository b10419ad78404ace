import { instantiateSync, type Imports } from '@assemblyscript/loader'
import { toStructuredJson } from '../../cloudevents/cloudevent.ts'
import type { Abi, Execute, Host, Outcome } from '../abi.ts'
import { ENV, SDK, writeString, type ScriptGuest } from './imports.ts'
import { IDLE_GUEST, executor } from '../execution.ts'
import { EXPORT_START, stringAt } from './managed-string.ts'
import { bare, bindHostFunctions, typesOf } from '../host-functions.ts'
import { PREVIEW1, PREVIEW1_TYPES } from '../wasi/preview1-types.ts'
import { loggedStreams } from '../wasi/preview1.ts'
import { RESULT_CHARS, broken, jsonOutcome, tooLarge } from '../result.ts'

interface GuestExports extends Record<string, unknown> {
  memory: WebAssembly.Memory
  handle: (event: number) => number
  _start?: () => void
  _initialize?: () => void
}

const EXPORT_RUNTIME = 'compile it with --exportRuntime'
const IDLE_SCRIPT: Omit<ScriptGuest, 'module'> = { ...IDLE_GUEST, newString: undefined, emitted: [] }

/** The ABI of AssemblyScript: modules export `handle(event: string): string | null`; null is a result without data. */
export const assemblyscript: Abi<'assemblyscript'> = {
  name: 'assemblyscript',
  entry: new Map([
    [
      'handle',
      { types: ['(i32) -> i32'], fix: 'write `export function handle(event: string): string | null`' },
    ],
  ]),
  needs: new Map([
    ['memory', { types: ['memory'], fix: 'compile it without --noExportMemory' }],
    ['__new', { types: ['(i32, i32) -> i32'], fix: EXPORT_RUNTIME }],
    ['__pin', { types: ['(i32) -> i32'], fix: EXPORT_RUNTIME }],
    ['__unpin', { types: ['(i32) -> nothing'], fix: EXPORT_RUNTIME }],
    ['__collect', { types: ['() -> nothing'], fix: EXPORT_RUNTIME }],
  ]),
  optional: new Map([
    ['_start', { types: ['() -> nothing'], fix: EXPORT_START }],
    ['_initialize', { types: ['() -> nothing'], fix: EXPORT_START }],
  ]),
  // The loader makes objects, accessors and members of such names: they could reach Object.prototype or the memory we read.
  forbidden: /#|:|__proto__|\.(?:buffer|grow)(?:\.|$)/,
  imports: new Map([
    ['env', typesOf(ENV)],
    ['jobico', typesOf(SDK)],
    [PREVIEW1, PREVIEW1_TYPES],
  ]),
  emitting: new Set(['jobico.emit']),
  input: (event) => ({ text: toStructuredJson(event) }),
  prepare,
}

function prepare(module: WebAssembly.Module, host: Host): Execute {
  const guest = { ...IDLE_SCRIPT, module }
  const streams = loggedStreams(guest, host)
  const imports = bare<Record<string, unknown>>([
    ['env', bindHostFunctions(ENV, guest, host)],
    ['jobico', bindHostFunctions(SDK, guest, host)],
    ['Math', bare([])], // empty, or the loader would import the host's
    ['Date', bare([])],
    ...streams.imports,
  ])
  return executor(guest, IDLE_SCRIPT, ({ text }) => {
    const result = streams.during(() => call(module, imports as Imports, guest, text))
    return resultOf(guest, result)
  })
}

function call(module: WebAssembly.Module, imports: Imports, guest: ScriptGuest, event: string): number {
  const { exports } = instantiateSync<GuestExports>(module, imports)
  guest.memory = exports.memory
  guest.newString = (text) => exports.__newString(text)
  const start = exports._start ?? exports._initialize
  start?.()
  return exports.handle(exports.__pin(writeString(guest, event)))
}

function resultOf({ memory, emitted }: ScriptGuest, pointer: number): Outcome {
  const outcome = pointer === 0 ? ({ kind: 'ok', data: undefined } as const) : dataAt(memory, pointer)
  return outcome.kind === 'ok' && emitted.length > 0 ? { ...outcome, emitted } : outcome
}

function dataAt(memory: WebAssembly.Memory | undefined, pointer: number): Outcome {
  const bytes = stringAt(memory, pointer)
  if (!bytes) return broken(`handle gave back ${pointer >>> 0}, where there is no string`)
  if (bytes.length > RESULT_CHARS * 2) return tooLarge(String(bytes.length / 2), 'characters')
  const data = bytes.toString('utf16le')
  if (!data.isWellFormed()) return broken('the result has half of a surrogate pair: it is not Unicode')
  return jsonOutcome(data)
}
