import { parentPort, workerData } from 'node:worker_threads'
import { abiNamed, type AbiName } from '../../guests/abis.ts'
import type { GuestInput, LogLevel, Outcome } from '../../guests/abi.ts'
import { FRAMES_KEPT } from '../../guests/traps/frames.ts'
import { createLogLimit } from '../../guests/log-limit.ts'

/** What a worker thread is started with. */
export interface WorkerSetup {
  readonly abi: AbiName
  readonly module: WebAssembly.Module
  readonly env: Readonly<Record<string, string>>
  /** The other events of the Job. */
  readonly events: readonly string[]
  /** One shared number: the task that was begun last. */
  readonly claims: Int32Array
}

/** What the module is given of an event, numbered from 1 in the order in which they are given to the thread. */
export interface WorkerTask extends GuestInput {
  readonly number: number
}

/** What a worker says: once that it is ready, then for each event its lines and its outcome. */
export type WorkerMessage = { readonly kind: 'ready' } | WorkerLine | Outcome

/** A line of the running event; sent at once, so that it outlives a thread that is terminated. */
export interface WorkerLine {
  readonly kind: 'log'
  readonly level: LogLevel
  readonly message: string
}

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const port = parentPort
const say = (message: WorkerMessage) => port.postMessage(message)

Error.stackTraceLimit = FRAMES_KEPT
const { abi, module, env, events, claims } = workerData as WorkerSetup
const lines = createLogLimit((level, message) => say({ kind: 'log', level, message }))
const execute = abiNamed(abi).prepare(module, {
  env: new Map(Object.entries(env)),
  events: new Set(events),
  log: (level, message) => lines.log(level, message),
})

port.on('message', (task: WorkerTask) => {
  const { number } = task
  // A task that was taken back is not begun, though it lies here: its number is not the next one any more.
  if (Atomics.compareExchange(claims, 0, number - 1, number) !== number - 1) return
  lines.reset()
  say(execute(task))
})
say({ kind: 'ready' })
