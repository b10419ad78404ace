import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { decodeUtf8 } from '../../cloudevents/json.ts'
import { REASON_CHARS, cut, type Abi, type Execute, type Host, type Outcome } from '../abi.ts'
import { byteBuffer } from './byte-buffer.ts'
import { IDLE_GUEST, end, executor, trapped, type Guest } from '../execution.ts'
import { lineSplitter } from './line-splitter.ts'
import { bare } from '../host-functions.ts'
import { PREVIEW1, PREVIEW1_TYPES } from './preview1-types.ts'
import { createPreview1 } from './preview1.ts'
import { RESULT_CHARS, broken, jsonOutcome, textOf, tooLarge } from '../result.ts'

interface GuestExports {
  readonly memory: WebAssembly.Memory
  readonly _start: () => void
}

/** The output of a command. */
interface Written {
  readonly stdout: Uint8Array
  /** The last line on standard error. */
  readonly lastLine: string
  /** The last line there that names an error, such as the head of a stack trace; empty if there is none. */
  readonly errorLine: string
}

/** Exit statuses with a meaning, as in BSD's sysexits.h. */
const EXIT = { ok: 0, reject: 65, retry: 75 } as const
const ERROR = /panic|error|exception|fatal/i
const ENCODER = new TextEncoder()

/**
 * The ABI of WASI preview 1 commands in any language. They read the data from standard input and the attributes of the event
 * from `CE_<NAME>`, write the result's data as JSON to standard output, and log to standard error.
 */
export const wasi: Abi<'wasi'> = {
  name: 'wasi',
  entry: new Map([['_start', { types: ['() -> nothing'], fix: 'build a command for wasm32-wasi' }]]),
  needs: new Map([['memory', { types: ['memory'], fix: 'export the memory' }]]),
  optional: new Map(),
  forbidden: undefined,
  imports: new Map([[PREVIEW1, PREVIEW1_TYPES]]),
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
    let [lastLine, errorLine] = ['', '']
    const stderr = lineSplitter((line) => {
      if (line.trim() !== '') lastLine = line
      if (ERROR.test(line)) errorLine = line
      host.log('info', line)
    })
    preview1.begin({
      variables: [...own, ...variables],
      stdin: ENCODER.encode(text),
      stdout(bytes) {
        if (stdout.size + bytes.length > RESULT_CHARS)
          end(guest, tooLarge(`more than ${RESULT_CHARS}`, 'bytes'))
        stdout.add(bytes)
      },
      stderr: stderr.write,
      exited(status) {
        stderr.end()
        return outcomeOf(status, { stdout: stdout.bytes(), lastLine, errorLine })
      },
    })
    try {
      run(module, imports, guest)
      return resultOf(stdout.bytes())
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

function outcomeOf(status: number, { stdout, lastLine, errorLine }: Written): Outcome {
  if (status === EXIT.ok) return resultOf(stdout)
  const reason = cut(lastLine === '' ? `it exited with status ${status}` : lastLine, REASON_CHARS)
  if (status === EXIT.reject) return { kind: 'reject', code: 'REJECTED', reason }
  if (status === EXIT.retry) return { kind: 'retry', code: 'RETRY_REQUESTED', reason }
  return trapped(lastLine === '' ? reason : `it exited with status ${status}: ${errorLine || lastLine}`)
}

function resultOf(bytes: Uint8Array): Outcome {
  const text = textOf(bytes)
  if (text === undefined) return broken('the result, what it wrote to standard output, is not UTF-8')
  return text.trim() === '' ? { kind: 'ok', data: undefined } : jsonOutcome(text.trim())
}
