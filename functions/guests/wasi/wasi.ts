import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { decodeUtf8 } from '../../cloudevents/json.ts'
import type { Abi, Execute, Host, Outcome } from '../abi.ts'
import { byteBuffer } from './byte-buffer.ts'
import { createControl, type Control } from './control.ts'
import { IDLE_GUEST, end, executor, rejected, retryRequested, type Guest } from '../execution.ts'
import { lineSplitter } from './line-splitter.ts'
import { bare } from '../host-functions.ts'
import { PREVIEW1, PREVIEW1_TYPES } from './preview1-types.ts'
import { createPreview1 } from './preview1.ts'
import { RESULT_CHARS, broken, jsonOutcome, textOf, tooLarge } from '../result.ts'
import { stderrReader, type StderrReader } from '../traps/stderr-reader.ts'
import { exitOutcome } from '../traps/trap.ts'

interface GuestExports {
  readonly memory: WebAssembly.Memory
  readonly _start: () => void
}

/** Exit statuses with a meaning, as in BSD's sysexits.h. */
const EXIT = { ok: 0, reject: 65, retry: 75 } as const
const ENCODER = new TextEncoder()

/**
 * The ABI of WASI preview 1 commands in any language. They read the data from standard input and the attributes of the event
 * from `CE_<NAME>`, write the result's data as JSON to standard output, log to standard error, and write lines to file
 * descriptor 3 to emit, retry or reject.
 */
export const wasi: Abi<'wasi'> = {
  name: 'wasi',
  entry: new Map([['_start', { types: ['() -> nothing'], fix: 'build a command for wasm32-wasi' }]]),
  needs: new Map([['memory', { types: ['memory'], fix: 'export the memory' }]]),
  optional: new Map(),
  forbidden: undefined,
  imports: new Map([[PREVIEW1, PREVIEW1_TYPES]]),
  // What a program writes to file descriptor 3 is only known when it runs.
  emitting: new Set([`${PREVIEW1}.fd_write`, `${PREVIEW1}.fd_pwrite`]),
  input: (event) => ({
    text: event.data === undefined ? '' : decodeUtf8(event.data),
    variables: variablesOf(event),
  }),
  prepare,
}

function variablesOf({ attributes, trace }: CloudEvent): string[] {
  return Object.entries({ ...trace, ...attributes }).map(
    ([name, value]) => `CE_${name.toUpperCase()}=${value}`,
  )
}

function prepare(module: WebAssembly.Module, host: Host): Execute {
  const guest = { ...IDLE_GUEST, module }
  const preview1 = createPreview1(guest)
  const imports = bare([[PREVIEW1, preview1.imports]])
  const own = Array.from(host.env, ([name, value]) => `${name}=${value}`)
  return executor(guest, IDLE_GUEST, ({ text, variables = [] }) => {
    const stdout = byteBuffer()
    const control = createControl(host)
    const said = stderrReader()
    const stderr = lineSplitter((line) => {
      said.line(line)
      host.log('info', line)
    })
    const done = () => doneOutcome(stdout.bytes(), control)
    guest.stderr = said
    preview1.begin({
      variables: [...own, ...variables],
      stdin: ENCODER.encode(text),
      stdout(bytes) {
        if (stdout.size + bytes.length > RESULT_CHARS)
          end(guest, tooLarge(`more than ${RESULT_CHARS}`, 'bytes'))
        stdout.add(bytes)
      },
      stderr: stderr.write,
      control(bytes) {
        const outcome = control.write(bytes)
        if (outcome !== undefined) end(guest, outcome)
      },
      exited(status) {
        stderr.end()
        return status === EXIT.ok ? done() : (failed(status, said, control) ?? exitOutcome(status, guest))
      },
    })
    try {
      run(module, imports, guest)
      return done()
    } finally {
      stderr.end()
      preview1.end()
    }
  })
}

function run(module: WebAssembly.Module, imports: WebAssembly.Imports, guest: Guest): void {
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as GuestExports
  guest.memory = exports.memory
  exports._start()
}

/** The outcome of a program that ended well. */
function doneOutcome(stdout: Uint8Array, control: Control): Outcome {
  const outcome = control.end() ?? resultOf(stdout)
  const emitted = control.emitted()
  return outcome.kind === 'ok' && emitted.length > 0 ? { ...outcome, emitted } : outcome
}

/** The outcome that a failed program asked for; undefined if its status has no meaning. */
function failed(status: number, said: StderrReader, control: Control): Outcome | undefined {
  const asked = control.end()
  // Whatever kept it from ending well may have cut its last line off as well.
  if (asked !== undefined && asked.kind !== 'ok' && asked.code !== 'RESULT_INVALID') return asked
  const line = said.lastLine().trim()
  const reason = line === '' ? `it exited with status ${status}` : line
  if (status === EXIT.reject) return rejected(reason)
  return status === EXIT.retry ? retryRequested(reason) : undefined
}

function resultOf(bytes: Uint8Array): Outcome {
  const text = textOf(bytes)
  if (text === undefined) return broken('the result, what it wrote to standard output, is not UTF-8')
  return text.trim() === '' ? { kind: 'ok', data: undefined } : jsonOutcome(text.trim())
}
