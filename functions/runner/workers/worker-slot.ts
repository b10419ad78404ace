import type { Worker } from 'node:worker_threads'
import { messageOf } from '../../process/errors.ts'
import { REASON_CHARS, cut, type GuestInput, type Outcome } from '../../guests/abi.ts'
import type { WorkerLine, WorkerMessage, WorkerTask } from './worker.ts'

/** How an execution ended, and how long it took, in milliseconds. */
export interface Execution {
  readonly outcome: Outcome
  readonly durationMs: number
}

/** One event to run, and who waits for its outcome. */
export interface Task {
  readonly key: string
  readonly input: GuestInput
  readonly settle: (execution: Execution) => void
}

/** What a slot needs, and what it calls. */
export interface WorkerSlotOptions {
  /** Starts a thread. To begin a task, the thread has to count `claims` up to the task's number. */
  readonly newWorker: (claims: Int32Array) => Worker
  /** Called whenever the slot can take another task. */
  readonly onAvailable: (slot: WorkerSlot) => void
  /** Called with tasks that the slot will not begin. */
  readonly onReturn: (tasks: readonly Task[]) => void
  /** Called when a thread ended before it was ready; another one follows after a while. */
  readonly onStartFault: (fault: string) => void
  readonly onLog: (line: WorkerLine, key: string) => void
  /** Called when a thread still runs 10 s after it was terminated: only the end of the process ends it. */
  readonly onStuck: () => void
}

/** Holds one thread, and replaces it when it ends. Its tasks run one after another; the first of them runs now. */
export interface WorkerSlot {
  /** How many tasks it has; Infinity while it can take none. */
  readonly load: number
  assign(task: Task): void
  /** Whether the running task began at or before `time`, a reading of performance.now(). */
  runsSince(time: number): boolean
  /** Returns the tasks that wait behind the running one, so that others can run them. */
  returnQueued(): void
  /** Terminates the thread, settles its running task with `outcome`, returns the others, and starts another thread. */
  terminate(outcome: Outcome): void
  /** Terminates the thread and settles all its tasks with `outcome`; resolves when the thread has ended. */
  close(outcome: Outcome): Promise<void>
}

const RESTART_MS = 100
const MOST_RESTART_MS = 5_000
/** V8 ends a thread within milliseconds, unless it has to finish something first, such as compiling a function. */
const STUCK_MS = 10_000
/** In `claims`: the thread must not begin any more of its tasks. */
const CLOSED = -1

/** Opens a slot and starts its thread. The caller closes it. */
export function openWorkerSlot({
  newWorker,
  onAvailable,
  onReturn,
  onStartFault,
  onLog,
  onStuck,
}: WorkerSlotOptions): WorkerSlot {
  let worker: Worker | undefined
  let claims = newClaims()
  let tasks: Task[] = []
  let assigned = 0
  let ready = false
  let startedAt = 0
  let restart: NodeJS.Timeout | undefined
  let restartMs = RESTART_MS

  const slot: WorkerSlot = {
    get load() {
      return ready && claims[0] !== CLOSED ? tasks.length : Infinity
    },
    assign(task) {
      if (tasks.push(task) === 1) startedAt = performance.now()
      worker?.postMessage({ number: ++assigned, ...task.input } satisfies WorkerTask)
    },
    runsSince: (time) => tasks.length > 0 && startedAt <= time,
    returnQueued() {
      const running = assigned - tasks.length + 1
      // Fails if the thread has not begun this task, or has begun the next one already.
      const closed = tasks.length > 1 && Atomics.compareExchange(claims, 0, running, CLOSED) === running
      if (closed) onReturn(tasks.splice(1))
    },
    terminate(outcome) {
      void detach(outcome)
      start()
    },
    async close(outcome) {
      clearTimeout(restart)
      for (const task of tasks.splice(1)) task.settle({ outcome, durationMs: 0 })
      await detach(outcome)
    },
  }

  function start(): void {
    let fault = 'it ended by itself'
    claims = newClaims()
    assigned = 0
    const started = newWorker(claims)
    worker = started
    // Messages of a replaced thread are about a task that has its outcome already.
    const ifCurrent = (then: () => void) => {
      if (worker === started) then()
    }
    started.stdout.resume() // nobody reads these, and their buffers must not fill up
    started.stderr.resume()
    started.on('message', (message: WorkerMessage) => ifCurrent(() => onMessage(message)))
    started.on('error', (thrown) => (fault = messageOf(thrown)))
    started.on('exit', () => ifCurrent(() => onExit(fault)))
  }

  function onMessage(message: WorkerMessage): void {
    if (message.kind === 'log') {
      const [running] = tasks
      if (running) onLog(message, running.key)
      return
    }
    if (message.kind === 'ready') {
      ready = true
      restartMs = RESTART_MS
    } else {
      settle(message)
      // Messages of returned tasks may still wait in the thread, so it has to skip their numbers.
      if (claims[0] === CLOSED) Atomics.store(claims, 0, assigned)
    }
    onAvailable(slot)
  }

  function onExit(fault: string): void {
    const wasReady = ready
    const reason = cut(`the thread of the execution died: ${fault}`, REASON_CHARS)
    void detach({ kind: 'retry', code: 'WORKER_DIED', reason })
    restart = setTimeout(start, wasReady ? 0 : restartMs)
    if (wasReady) return
    restartMs = Math.min(restartMs * 2, MOST_RESTART_MS)
    onStartFault(fault)
  }

  async function detach(outcome: Outcome): Promise<void> {
    const ended = worker
    worker = undefined
    ready = false
    settle(outcome)
    const rest = tasks
    tasks = []
    if (rest.length > 0) onReturn(rest)
    const timer = setTimeout(onStuck, STUCK_MS)
    await ended?.terminate()
    clearTimeout(timer)
  }

  function settle(outcome: Outcome): void {
    const now = performance.now()
    const settled = tasks.shift()
    const durationMs = now - startedAt
    startedAt = now
    settled?.settle({ outcome, durationMs })
  }

  start()
  return slot
}

function newClaims(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}
