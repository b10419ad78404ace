import type { Worker } from 'node:worker_threads'
import { messageOf } from '../shared/errors.ts'
import { REASON_CHARS, cut, type Outcome } from '../guests/abi.ts'
import type { WorkerLine, WorkerMessage } from './worker.ts'

/** One event to run, and who waits for its outcome. */
export interface Task {
  readonly key: string
  readonly event: string
  readonly settle: (outcome: Outcome) => void
}

/** What a seat needs and whom it tells. */
export interface SeatOptions {
  readonly newWorker: () => Worker
  /** Called whenever the seat's thread can take a task. */
  readonly onFree: (seat: Seat) => void
  /** Called when a thread ended before it was ready; another one follows after a while. */
  readonly onStartFault: (fault: string) => void
  readonly onLog: (line: WorkerLine, key: string) => void
}

/** A place for one thread, which is replaced when it ends. */
export interface Seat {
  /** True while its thread waits for a task. */
  readonly free: boolean
  /** Runs a task; to be called only while the seat is free. */
  begin(task: Task): void
  /** True where a task began at or before that reading of performance.now(). */
  runsSince(time: number): boolean
  /** Terminates the thread, gives what runs on it that outcome, and starts another thread. */
  abandon(outcome: Outcome): void
  /** As `abandon`, without another thread; resolves when the thread has ended. */
  close(outcome: Outcome): Promise<void>
}

const RESTART_MS = 100
const MOST_RESTART_MS = 5_000

/** Opens a seat and starts its thread. The caller closes it. */
export function openSeat({ newWorker, onFree, onStartFault, onLog }: SeatOptions): Seat {
  let worker: Worker | undefined
  let task: Task | undefined
  let ready = false
  let startedAt = 0
  let restart: NodeJS.Timeout | undefined
  let restartMs = RESTART_MS

  const seat: Seat = {
    get free() {
      return ready && task === undefined
    },
    begin(next) {
      task = next
      startedAt = performance.now()
      worker?.postMessage(next.event)
    },
    runsSince: (time) => task !== undefined && startedAt <= time,
    abandon(outcome) {
      void leave(outcome)
      start()
    },
    async close(outcome) {
      clearTimeout(restart)
      await leave(outcome)
    },
  }

  function start(): void {
    let fault = 'it ended by itself'
    const started = newWorker()
    worker = started
    // What a replaced thread still says is about a task that has its outcome.
    const whileSeated = (then: () => void) => {
      if (worker === started) then()
    }
    started.stdout.resume() // nobody reads these, and they must not fill up
    started.stderr.resume()
    started.on('message', (message: WorkerMessage) => whileSeated(() => hear(message)))
    started.on('error', (thrown) => (fault = messageOf(thrown)))
    started.on('exit', () => whileSeated(() => lose(fault)))
  }

  function hear(message: WorkerMessage): void {
    if (message.kind === 'log') {
      if (task) onLog(message, task.key)
      return
    }
    if (message.kind === 'ready') {
      ready = true
      restartMs = RESTART_MS
    } else {
      settle(message)
    }
    onFree(seat)
  }

  function lose(fault: string): void {
    const wasReady = ready
    const reason = cut(`the thread of the execution died: ${fault}`, REASON_CHARS)
    void leave({ kind: 'retry', code: 'WORKER_DIED', reason })
    restart = setTimeout(start, wasReady ? 0 : restartMs)
    if (wasReady) return
    restartMs = Math.min(restartMs * 2, MOST_RESTART_MS)
    onStartFault(fault)
  }

  async function leave(outcome: Outcome): Promise<void> {
    const left = worker
    worker = undefined
    ready = false
    settle(outcome)
    await left?.terminate()
  }

  function settle(outcome: Outcome): void {
    const settled = task
    task = undefined
    settled?.settle(outcome)
  }

  start()
  return seat
}
