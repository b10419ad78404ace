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

/** What a slot needs and whom it tells. */
export interface WorkerSlotOptions {
  /** Starts a thread that begins a task only by counting up in `claims`. */
  readonly newWorker: (claims: Int32Array) => Worker
  /** Called whenever the slot's thread can take another task. */
  readonly onRoom: (slot: WorkerSlot) => void
  /** Takes tasks that the slot will not begin. */
  readonly onReturn: (tasks: readonly Task[]) => void
  /** Called when a thread ended before it was ready; another one follows after a while. */
  readonly onStartFault: (fault: string) => void
  readonly onLog: (line: WorkerLine, key: string) => void
  /** Called when a thread goes on though it was terminated a while ago: only the end of the process ends it. */
  readonly onStuck: () => void
}

/** A place for one thread, which is replaced when it ends. Its tasks run one after another, the first of them now. */
export interface WorkerSlot {
  /** How many tasks it has; Infinity while it can take none. */
  readonly load: number
  assign(task: Task): void
  /** True where the task that runs began at or before that reading of performance.now(). */
  runsSince(time: number): boolean
  /** Returns the tasks behind the one that runs, so that they need not wait for it. */
  returnQueued(): void
  /** Terminates the thread, gives what runs on it that outcome, returns the rest, and starts another thread. */
  terminate(outcome: Outcome): void
  /** Terminates the thread, and gives all its tasks that outcome; resolves when the thread has ended. */
  close(outcome: Outcome): Promise<void>
}

const RESTART_MS = 100
const MOST_RESTART_MS = 5_000
/** V8 ends a thread within milliseconds, but for what it has to finish first, such as the compilation of a function. */
const STUCK_MS = 10_000
/** In `claims`: the thread is to begin nothing more of what it was given. */
const CLOSED = -1

/** Opens a slot and starts its thread. The caller closes it. */
export function openWorkerSlot({
  newWorker,
  onRoom,
  onReturn,
  onStartFault,
  onLog,
  onStuck,
}: WorkerSlotOptions): WorkerSlot {
  let worker: Worker | undefined
  let claims = newClaims()
  let tasks: Task[] = []
  let given = 0
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
      worker?.postMessage({ number: ++given, ...task.input } satisfies WorkerTask)
    },
    runsSince: (time) => tasks.length > 0 && startedAt <= time,
    returnQueued() {
      const running = given - tasks.length + 1
      // Fails where the thread has not begun the task, or is at the next one already.
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
    given = 0
    const started = newWorker(claims)
    worker = started
    // What a replaced thread still says is about a task that has its outcome.
    const ifCurrent = (then: () => void) => {
      if (worker === started) then()
    }
    started.stdout.resume() // nobody reads these, and they must not fill up
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
      // What was returned may still lie in the thread's mail: its numbers are used up.
      if (claims[0] === CLOSED) Atomics.store(claims, 0, given)
    }
    onRoom(slot)
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
    const left = worker
    worker = undefined
    ready = false
    settle(outcome)
    const rest = tasks
    tasks = []
    if (rest.length > 0) onReturn(rest)
    const timer = setTimeout(onStuck, STUCK_MS)
    await left?.terminate()
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
