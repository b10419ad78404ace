import { ConsoleStdout, File, OpenFile, WASI } from '@bjorn3/browser_wasi_shim'
import type { Host, Outcome } from '../abi.ts'
import { end, trapped, type Guest } from '../execution.ts'
import { lineSplitter } from './line-splitter.ts'
import { bare } from '../host-functions.ts'
import { pollOneoff } from './poll.ts'
import { ERRNO, PREVIEW1, PREVIEW1_TYPES } from './preview1-types.ts'

/** What the instance that runs now is given. */
export interface Process {
  /** Such as `NAME=value`. */
  readonly variables: readonly string[]
  readonly stdin: Uint8Array
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
  /** What becomes of it when it calls proc_exit. */
  readonly exited: (status: number) => Outcome
}

/** The functions of WASI preview 1 for one guest after the other: standard streams, clocks and randomness; no file, no socket. */
export interface Preview1 {
  readonly imports: Record<string, unknown>
  begin(process: Process): void
  /** Lets go of all that the guest had. */
  end(): void
}

type Call = (...args: (number | bigint)[]) => unknown

const NAME = 'module' // argv[0]
/** The most parts of one read or write, as Linux has it: each is a few objects on the thread's heap. */
const IOV_MAX = 1024
const VECTORED = new Set(['fd_read', 'fd_write', 'fd_pread', 'fd_pwrite'])
const VECTOR_COUNT = 2 // which argument it is

/** Makes the functions, to be used by one guest. */
export function createPreview1(guest: Guest): Preview1 {
  const shim = new WASI([NAME], [], [], { debug: false }) // which prints, unless told otherwise
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
    poll_oneoff: (...args) => pollOneoff(memory(), args.map(Number)),
    // To the shim, standard input is a file: it would give it any size, out of the memory of the host.
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
      const { variables, stdin, stdout, stderr } = process
      exited = process.exited
      shim.env = [...variables]
      shim.fds = [
        new OpenFile(new File(stdin, { readonly: true })),
        new ConsoleStdout(stdout),
        new ConsoleStdout(stderr),
      ]
    },
    end() {
      exited = hasExited
      shim.env = []
      shim.fds = []
    },
  }
}

/** The outcome of a guest whose exit means nothing. */
function hasExited(status: number): Outcome {
  return trapped(`it exited with status ${status}`)
}

/** WebAssembly hands over i32 as signed numbers. */
function unsigned(value: number | bigint): number | bigint {
  return typeof value === 'number' ? value >>> 0 : value
}

function guarded(name: string, call: Call, args: (number | bigint)[]): unknown {
  if (VECTORED.has(name) && Number(args[VECTOR_COUNT]) > IOV_MAX) return ERRNO.invalid
  try {
    return call(...args) ?? ERRNO.success
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new Error(`${name} was given memory that is not there`)
    throw thrown
  }
}

/** The standard streams of a guest that is no process: they go to its log, by line. */
export interface LoggedStreams {
  /** To be added to its imports; nothing where the module does without. */
  readonly imports: readonly (readonly [string, Record<string, unknown>])[]
  /** Runs something during which the guest has its streams. */
  during<T>(run: () => T): T
}

/** The streams of a guest. */
export function loggedStreams(guest: Guest, host: Host): LoggedStreams {
  const isImported = WebAssembly.Module.imports(guest.module).some((each) => each.module === PREVIEW1)
  if (!isImported) return { imports: [], during: (run) => run() }
  const preview1 = createPreview1(guest)
  const variables = Array.from(host.env, ([name, value]) => `${name}=${value}`)
  return {
    imports: [[PREVIEW1, preview1.imports]],
    during(run) {
      const stdout = lineSplitter((line) => host.log('info', line))
      const stderr = lineSplitter((line) => host.log('error', line))
      preview1.begin({
        variables,
        stdin: new Uint8Array(),
        stdout: stdout.write,
        stderr: stderr.write,
        exited: hasExited,
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
