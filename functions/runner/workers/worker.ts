import { parentPort, workerData } from 'node:worker_threads'
import { abiNamed, type AbiName } from '../../guests/abi-registry.ts'
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
  /** One shared number: that of the task that the thread began last. */
  readonly claims: Int32Array
}

/** The input of one execution. Tasks are numbered from 1 in the order in which the thread gets them. */
export interface WorkerTask extends GuestInput {
  readonly number: number
}

/** A message of a worker: `ready` once, then for each event its log lines and its outcome. */
export type WorkerMessage = { readonly kind: 'ready' } | WorkerLine | Outcome

/** A log line of the running event; sent at once, so that it is not lost if the thread is terminated. */
export interface WorkerLine {
  readonly kind: 'log'
  readonly level: LogLevel
  readonly message: string
}

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const port = parentPort
const send = (message: WorkerMessage) => port.postMessage(message)

Error.stackTraceLimit = FRAMES_KEPT
const { abi, module, env, events, claims } = workerData as WorkerSetup
const lines = createLogLimit((level, message) => send({ kind: 'log', level, message }))
const execute = abiNamed(abi).prepare(module, {
  env: new Map(Object.entries(env)),
  events: new Set(events),
  log: (level, message) => lines.log(level, message),
})

port.on('message', (task: WorkerTask) => {
  const { number } = task
  // A task that was taken back is not begun, though its message is here: its number is not the next one any more.
  if (Atomics.compareExchange(claims, 0, number - 1, number) !== number - 1) return
  lines.reset()
  send(execute(task))
})
send({ kind: 'ready' })
