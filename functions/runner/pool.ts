import { Worker, type WorkerOptions } from 'node:worker_threads'
import { JobicoError, messageOf } from '../shared/errors.ts'
import type { LogLevel, Outcome } from '../guests/abi.ts'
import type { CheckedModule } from '../guests/check.ts'
import { openSeat, type Seat, type Task } from './seat.ts'
import type { WorkerSetup } from './worker.ts'

/** A line that a module logged, and the key of the event it was about. */
export interface GuestLine {
  readonly level: LogLevel
  readonly message: string
  readonly key: string
}

/** How events are run: `timeoutMs` is the wall clock of one execution, `concurrency` the number of threads, from 1. */
export interface PoolOptions {
  readonly module: Pick<CheckedModule, 'abi' | 'bytes'>
  readonly concurrency: number
  readonly timeoutMs: number
  /** The module's own environment variables. */
  readonly env: Readonly<Record<string, string>>
  readonly onLog: (line: GuestLine) => void
  /** The entry file of a thread; by default the one beside this file, from source or from a bundle. */
  readonly workerUrl?: URL
}

/** Runs events in a module on worker threads, one event at a time on each, in a fresh instance each. */
export interface Pool {
  /** Runs one event, after those that wait already. Never rejects. */
  run(key: string, eventJson: string): Promise<Outcome>
  /** How many events run or wait now. */
  readonly busy: number
  /** Ends all threads; what runs or waits, or comes later, is a retry with WORKER_DIED. */
  close(): Promise<void>
}

interface StartedPool extends Pool {
  /** Resolves when the first thread is ready; rejects when none could be started. */
  readonly ready: Promise<unknown>
}

const TICK_MS = 25 // how late a deadline may be noticed
const CLOSED: Outcome = {
  kind: 'retry',
  code: 'WORKER_DIED',
  reason: 'the runner was closed during the execution',
}
const WORKER_OPTIONS: WorkerOptions = {
  name: 'guest',
  env: {},
  execArgv: [], // flags of V8 are the process's anyway; preloads and inspectors must not come into every thread
  stdin: false,
  stdout: true,
  stderr: true,
  // Linear memory is not among these: the heap holds an event, its result, and a guest's tables.
  resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
}

/** Starts a pool; resolves when its first thread is ready. MODULE_INVALID where the module does not compile. */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const module = await compiled(options.module.bytes)
  const workerData: WorkerSetup = { abi: options.module.abi, module, env: options.env }
  const url = options.workerUrl ?? besideThisFile()
  const pool = startPool(options, () => new Worker(url, { ...WORKER_OPTIONS, workerData }))
  try {
    await pool.ready
  } catch (thrown) {
    await pool.close()
    throw thrown
  }
  return pool
}

function besideThisFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
}

async function compiled(bytes: CheckedModule['bytes']): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (thrown) {
    throw new JobicoError('MODULE_INVALID', `the module does not compile: ${messageOf(thrown)}`, {
      cause: thrown,
    })
  }
}

function startPool({ concurrency, timeoutMs, onLog }: PoolOptions, newWorker: () => Worker): StartedPool {
  const waiting: Task[] = []
  const first = firstOf(concurrency)
  const seats = Array.from({ length: concurrency }, () =>
    openSeat({
      newWorker,
      onLog: ({ level, message }, key) => onLog({ level, message, key }),
      onStartFault: (fault) => first.failed(fault),
      onFree(seat) {
        first.succeeded()
        const next = waiting.shift()
        if (next) seat.begin(next)
      },
    }),
  )
  const stopWatching = watchDeadlines(seats, timeoutMs)
  let busy = 0
  let closed = false

  return {
    ready: first.promise,
    get busy() {
      return busy
    },
    run(key, event) {
      if (closed) return Promise.resolve(CLOSED)
      busy += 1
      return new Promise((resolve) => {
        const settle = (outcome: Outcome) => {
          busy -= 1
          resolve(outcome)
        }
        const free = seats.find((seat) => seat.free)
        if (free) free.begin({ key, event, settle })
        else waiting.push({ key, event, settle })
      })
    },
    async close() {
      closed = true
      stopWatching()
      for (const task of waiting.splice(0)) task.settle(CLOSED)
      await Promise.all(seats.map((seat) => seat.close(CLOSED)))
    },
  }
}

/** Settles with the first of `count` that succeeds, or when all have failed once. */
function firstOf(count: number) {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  let faults = 0
  return {
    promise,
    succeeded: () => resolve(undefined),
    failed(fault: string) {
      faults += 1
      if (faults >= count) reject(new JobicoError('WORKER_DIED', `no thread could be started: ${fault}`))
    },
  }
}

/** Stops what runs longer than `timeoutMs`. One timer for all seats costs an event nothing. */
function watchDeadlines(seats: readonly Seat[], timeoutMs: number): () => void {
  const reason = `the execution took longer than timeoutSeconds (${timeoutMs / 1000} s) and was stopped`
  const timer = setInterval(() => {
    const time = performance.now() - timeoutMs
    const late = seats.filter((seat) => seat.runsSince(time))
    if (late.length === 0) return
    // An outcome may be here already, unread because this thread was busy: it is read before setImmediate.
    setImmediate(() => {
      for (const seat of late) {
        if (seat.runsSince(time)) seat.abandon({ kind: 'retry', code: 'TIMEOUT', reason })
      }
    })
  }, TICK_MS)
  return () => clearInterval(timer)
}
