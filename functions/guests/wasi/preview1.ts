import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim'
import type { Host, Outcome } from '../abi.ts'
import { end, trapped, type Guest } from '../execution.ts'
import { lineSplitter } from './line-splitter.ts'
import { bare } from '../host-functions.ts'
import { pollOneoff } from './poll.ts'
import { stderrReader } from '../traps/stderr-reader.ts'
import { exitOutcome } from '../traps/trap.ts'
import { ERRNO, PREVIEW1, PREVIEW1_TYPES } from './preview1-types.ts'

/** The environment of one execution, and its streams. */
export interface Process {
  /** Environment variables such as `NAME=value`. */
  readonly variables: readonly string[]
  readonly stdin: Uint8Array
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
  /** File descriptor 3, if the process has it. */
  readonly control?: (bytes: Uint8Array) => void
  /** Gives the outcome of an execution that calls proc_exit. */
  readonly exited: (status: number) => Outcome
}

/** The functions of WASI preview 1, without files and sockets: standard streams, clocks, random numbers. */
export interface Preview1 {
  readonly imports: Record<string, unknown>
  begin(process: Process): void
  /** Drops the environment and streams of the execution. */
  end(): void
}

type Call = (...args: (number | bigint)[]) => unknown

const NAME = 'module' // argv[0]
/** The maximum number of buffers in one read or write, as on Linux: each takes some objects on the heap of the thread. */
const IOV_MAX = 1024
const VECTORED = new Set(['fd_read', 'fd_write', 'fd_pread', 'fd_pwrite'])
const VECTOR_COUNT = 2 // the index of the argument
/** A part: its pointer and its length. */
const PART_BYTES = 8
/** How much of a path is read, of which the shim makes a copy. There are no files, whatever its rest is. */
const PATH_MAX = 4096
/** Where calls have the lengths of paths among their arguments. */
const PATH_LENGTHS: ReadonlyMap<string, readonly number[]> = new Map([
  ['path_create_directory', [2]],
  ['path_filestat_get', [3]],
  ['path_filestat_set_times', [3]],
  ['path_link', [3, 6]],
  ['path_open', [3]],
  ['path_readlink', [2]],
  ['path_remove_directory', [2]],
  ['path_rename', [2, 5]],
  ['path_symlink', [1, 4]],
  ['path_unlink_file', [2]],
])

/** File descriptor 3, for writing only. A program that looks for preopened directories there must find the end of them. */
class ControlFd extends ConsoleStdout {
  override fd_prestat_get() {
    return { ret: ERRNO.badFile, prestat: null }
  }
}

/** Makes the functions for one guest. */
export function createPreview1(guest: Guest): Preview1 {
  const shim = new WASI([NAME], [], [], { debug: false }) // by default it prints
  let exited: Process['exited'] = hasExited
  const memory = () => guest.memory ?? end(guest, trapped('it called WASI before its instantiation was over'))
  shim.inst = {
    exports: {
      get memory() {
        return memory()
      },
    },
  }
  const own: Record<string, Call> = {
    proc_exit: (status) => end(guest, exited(Number(status))),
    proc_raise: (signal) => end(guest, trapped(`it raised the signal ${signal}`)),
    // The shim would copy each part, however long, before it is looked at.
    fd_write(fd, table, count, writtenAt) {
      const stream = shim.fds[Number(fd)]
      const put = (bytes: Uint8Array) => stream?.fd_write(bytes)
      return write(put, memory(), [table, count, writtenAt].map(Number))
    },
    fd_pwrite(fd, table, count, ...[offset = 0, writtenAt]) {
      const stream = shim.fds[Number(fd)]
      const put = (bytes: Uint8Array, written: number) =>
        stream?.fd_pwrite(bytes, BigInt(offset) + BigInt(written))
      return write(put, memory(), [table, count, writtenAt].map(Number))
    },
    poll_oneoff: (...args) => pollOneoff(memory(), args.map(Number)),
    // The shim treats standard input as a file, and would resize it to any size in the memory of the host.
    fd_allocate: () => ERRNO.notSupported,
    fd_filestat_set_size: () => ERRNO.notSupported,
    sock_accept: () => ERRNO.notSupported,
    sock_recv: () => ERRNO.notSupported,
    sock_send: () => ERRNO.notSupported,
    sock_shutdown: () => ERRNO.notSupported,
  }
  const call = (name: string): Call => {
    const inner = own[name] ?? shim.wasiImport[name]
    if (inner === undefined) throw new Error(`the shim has no ${name}`)
    return (...args) => guarded(name, inner, args.map(unsigned))
  }
  return {
    imports: bare([...PREVIEW1_TYPES.keys()].map((name) => [name, call(name)])),
    begin(process) {
      const { variables, stdin, stdout, stderr, control } = process
      exited = process.exited
      shim.env = [...variables]
      shim.fds = [
        new OpenFile(new File(stdin, { readonly: true })),
        new ConsoleStdout(stdout),
        new ConsoleStdout(stderr),
        ...(control === undefined ? [] : [new ControlFd(control)]),
      ]
    },
    end() {
      exited = hasExited
      shim.env = []
      shim.fds = []
    },
  }
}

/** The outcome of an exit with a status without a meaning. */
function hasExited(status: number): Outcome {
  return trapped(`it exited with status ${status}`)
}

/** Puts a part of what is written, of which so many bytes were written before; undefined if there is no such stream. */
type Put = (bytes: Uint8Array, written: number) => { ret: number; nwritten: number } | undefined

/** Writes the parts at `table` as views of the guest's memory. */
function write(put: Put, { buffer }: WebAssembly.Memory, args: readonly number[]): number {
  const [table = 0, count = 0, writtenAt = 0] = args
  const view = new DataView(buffer)
  const bytes = new Uint8Array(buffer)
  if (put(bytes.subarray(0, 0), 0) === undefined) return ERRNO.badFile
  let written = 0
  for (let part = table; part < table + count * PART_BYTES; part += PART_BYTES) {
    const start = view.getUint32(part, true)
    const given = put(bytes.subarray(start, start + view.getUint32(part + 4, true)), written)
    if (given === undefined) return ERRNO.badFile
    if (given.ret !== ERRNO.success) {
      view.setUint32(writtenAt, written, true)
      return given.ret
    }
    written += given.nwritten
  }
  view.setUint32(writtenAt, written, true)
  return ERRNO.success
}

/** An i32 from WebAssembly comes as a signed number. */
function unsigned(value: number | bigint): number | bigint {
  return typeof value === 'number' ? value >>> 0 : value
}

function guarded(name: string, call: Call, args: (number | bigint)[]): unknown {
  for (const at of PATH_LENGTHS.get(name) ?? []) args[at] = Math.min(Number(args[at]), PATH_MAX)
  if (VECTORED.has(name) && Number(args[VECTOR_COUNT]) > IOV_MAX) return ERRNO.invalid
  try {
    return call(...args) ?? ERRNO.success
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new Error(`${name} was given memory that is not there`)
    throw thrown
  }
}

/** Standard streams for the ABIs without a process: each line goes to the log. */
export interface LoggedStreams {
  /** Imports to add; empty if the module imports nothing of WASI. */
  readonly imports: readonly (readonly [string, Record<string, unknown>])[]
  /** Runs something while the guest has its streams. */
  during<T>(run: () => T): T
}

/** Makes the logged streams of a guest. */
export function loggedStreams(guest: Guest, host: Host): LoggedStreams {
  const isImported = WebAssembly.Module.imports(guest.module).some((each) => each.module === PREVIEW1)
  if (!isImported) return { imports: [], during: (run) => run() }
  const preview1 = createPreview1(guest)
  const variables = Array.from(host.env, ([name, value]) => `${name}=${value}`)
  return {
    imports: [[PREVIEW1, preview1.imports]],
    during(run) {
      const said = stderrReader()
      const stdout = lineSplitter((line) => host.log('info', line))
      const stderr = lineSplitter((line) => {
        said.line(line)
        host.log('error', line)
      })
      guest.stderr = said
      preview1.begin({
        variables,
        stdin: new Uint8Array(),
        stdout: stdout.write,
        stderr: stderr.write,
        exited(status) {
          stderr.end()
          return exitOutcome(status, guest)
        },
      })
      try {
        return run()
      } finally {
        stdout.end()
        stderr.end()
        preview1.end()
      }
    },
  }
}
