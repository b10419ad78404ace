import { Worker, type WorkerOptions } from 'node:worker_threads'
import { JobicoError, messageOf } from '../../process/errors.ts'
import type { GuestInput, LogLevel } from '../../guests/abi.ts'
import type { CheckedModule } from '../../guests/check/check.ts'
import { meanWith, threadBacklog } from './thread-backlog.ts'
import { createDeadlines } from './deadline.ts'
import { openWorkerSlot, type Execution, type WorkerSlot, type Task } from './worker-slot.ts'
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
  /** The most bytes of the heap of a thread, where an event and its result are; 512 MiB by default. */
  readonly heapBytes?: number
  /** The module's own environment variables. */
  readonly env: Readonly<Record<string, string>>
  /** The other events of its Job, to which it may emit; none by default. */
  readonly events?: readonly string[]
  readonly onLog: (line: GuestLine) => void
  /** Called when a thread can not be ended: it uses a processor until the process ends. */
  readonly onStuck?: () => void
  /** The entry file of a thread; by default the one beside this file, from source or from a bundle. */
  readonly workerUrl?: URL
}

/**
 * Runs events in a module on worker threads: one event at a time on each thread, and a new instance for each event. It starts
 * with one thread, and opens the others when there is work for them, because each costs 65 ms of CPU.
 */
export interface Pool {
  /** Runs one event, after those that wait already. Never rejects. */
  run(key: string, input: GuestInput): Promise<Execution>
  /** How many events run or wait now. */
  readonly busy: number
  /** How many events it should have, so that its threads stay busy and no event waits long for one. */
  readonly capacity: number
  /** The mean time of an execution; Infinity before the first. */
  readonly meanMs: number
  /** Ends all threads. Events that run, wait or come later get a retry with WORKER_DIED. */
  close(): Promise<void>
}

interface StartedPool extends Pool {
  /** Resolves when the first thread is ready; rejects if none could be started. */
  readonly ready: Promise<unknown>
}

const CLOSED: Execution = {
  outcome: { kind: 'retry', code: 'WORKER_DIED', reason: 'the runner was closed during the execution' },
  durationMs: 0,
}
const WORKER_OPTIONS: WorkerOptions = {
  name: 'guest',
  env: {},
  execArgv: [], // V8's flags hold for the whole process anyway; preloads and inspectors do not belong in a thread
  stdin: false,
  stdout: true,
  stderr: true,
}
const STACK_MIB = 4
const MiB = 2 ** 20
const DEFAULT_HEAP = 512 * MiB

/**
 * Starts a pool; resolves when its first thread is ready. Throws MODULE_INVALID if the module does not compile, and
 * WORKER_DIED if no thread could be started.
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const module = await compiled(options.module.bytes)
  const { env, events = [], heapBytes = DEFAULT_HEAP } = options
  const setup: Omit<WorkerSetup, 'claims'> = { abi: options.module.abi, module, env, events }
  const url = options.workerUrl ?? besideThisFile()
  // Linear memory is not among these: the heap holds an event, its result, and a guest's tables.
  const resourceLimits = { maxOldGenerationSizeMb: Math.floor(heapBytes / MiB), stackSizeMb: STACK_MIB }
  const newWorker = (claims: Int32Array) =>
    new Worker(url, {
      ...{ ...WORKER_OPTIONS, resourceLimits },
      workerData: { ...setup, claims } satisfies WorkerSetup,
    })
  const pool = startPool(options, newWorker)
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

function startPool(
  { concurrency, timeoutMs, onLog, onStuck = () => undefined }: PoolOptions,
  newWorker: (claims: Int32Array) => Worker,
): StartedPool {
  const waiting: Task[] = []
  const first = firstOf(concurrency)
  let meanMs = Infinity
  let busy = 0
  let closed = false
  let opening = false

  const dispatch = () => {
    for (let slot = leastLoaded(slots); waiting.length > 0; slot = leastLoaded(slots)) {
      if (slot.load > 0) open()
      const task = slot.load < threadBacklog(meanMs) ? waiting.shift() : undefined
      if (task === undefined) break
      slot.assign(task)
      deadlines.watch()
    }
  }
  const slots: WorkerSlot[] = []
  /** Opens one more thread; one at a time, because others would only delay it. */
  const open = () => {
    if (opening || closed || slots.length >= concurrency) return
    opening = true
    slots.push(newSlot())
  }
  const newSlot = () =>
    openWorkerSlot({
      newWorker,
      onLog: ({ level, message }, key) => onLog({ level, message, key }),
      onStuck,
      onStartFault(fault) {
        first.failed(fault)
        opening = false
        dispatch()
      },
      onReturn(tasks) {
        waiting.unshift(...tasks)
        setImmediate(dispatch)
      },
      onAvailable() {
        first.succeeded()
        opening = false
        dispatch()
      },
    })
  const deadlines = createDeadlines(slots, timeoutMs)
  open()

  return {
    ready: first.promise,
    get busy() {
      return busy
    },
    get capacity() {
      return concurrency * threadBacklog(meanMs)
    },
    get meanMs() {
      return meanMs
    },
    run(key, input) {
      if (closed) return Promise.resolve(CLOSED)
      busy += 1
      return new Promise((resolve) => {
        const settle = (execution: Execution) => {
          busy -= 1
          meanMs = meanWith(meanMs, execution.durationMs)
          resolve(execution)
        }
        waiting.push({ key, input, settle })
        dispatch()
      })
    },
    async close() {
      closed = true
      deadlines.stop()
      for (const task of waiting.splice(0)) task.settle(CLOSED)
      await Promise.all(slots.map((slot) => slot.close(CLOSED.outcome)))
    },
  }
}

function leastLoaded([first, ...others]: readonly WorkerSlot[]): WorkerSlot {
  if (first === undefined) throw new RangeError('a pool has at least one thread')
  return others.reduce((least, slot) => (slot.load < least.load ? slot : least), first)
}

/** A promise that resolves at the first success, and rejects after `count` failures. */
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
