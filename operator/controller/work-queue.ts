import { backoffMs } from '../backoff.ts'

const BACKOFF = { firstMs: 200, maxMs: 60_000 }
const MAX_TIMER_MS = 2 ** 31 - 1

/** How a work queue processes its keys. */
export interface QueueOptions {
  /** Processes a key; gives in how many ms to do so again, undefined for never. When it throws, the key backs off. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>
  /** How many keys are processed at once. */
  readonly concurrency: number
  /** Called with what `work` threw, and in how many ms the key is retried. */
  readonly onError: (key: string, fault: unknown, retryMs: number) => void
}

/** A queue of keys. A key that is added several times waits only once, and is never processed twice at the same time. */
export interface WorkQueue {
  /** Processes the key as soon as possible, even if it waits for a later time; once more if it is being processed. */
  add(key: string): void
  /** Processes the key in that many ms, or earlier if something else asked for that. */
  addAfter(key: string, ms: number): void
  /** How many keys are due and wait for a free worker. */
  size(): number
  /** Starts no more work, aborts the signal that `work` gets, and waits until the work that runs has ended. */
  stop(): Promise<void>
}

/** The state of a key that waits, is being processed, or has failed. */
interface Entry {
  /** When it is due next, by the clock of `performance.now`. */
  dueAt: number
  timer: NodeJS.Timeout | undefined
  running: boolean
  /** Failures in a row. */
  failures: number
}

/** Makes a work queue that starts at once. */
export function createWorkQueue({ work, concurrency, onError }: QueueOptions): WorkQueue {
  const entries = new Map<string, Entry>()
  const ready = new Set<string>()
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()

  const entryOf = (key: string): Entry => {
    const entry = entries.get(key) ?? { dueAt: Infinity, timer: undefined, running: false, failures: 0 }
    entries.set(key, entry)
    return entry
  }

  const addAfter = (key: string, afterMs: number) => {
    if (stopping.signal.aborted) return
    const entry = entryOf(key)
    entry.dueAt = Math.min(entry.dueAt, performance.now() + Math.max(afterMs, 0))
    if (!entry.running) schedule(key, entry)
  }

  const schedule = (key: string, entry: Entry) => {
    clearTimeout(entry.timer)
    const waitMs = Math.min(entry.dueAt - performance.now(), MAX_TIMER_MS)
    if (waitMs > 0) {
      entry.timer = setTimeout(() => schedule(key, entry), Math.ceil(waitMs))
      return
    }
    ready.add(key)
    // Deferred, so that keys added again in this turn of the event loop are processed only once.
    setImmediate(startReady)
  }

  const startReady = () => {
    for (const key of ready) {
      if (running.size >= concurrency) return
      ready.delete(key)
      const task: Promise<void> = processKey(key, entryOf(key)).finally(() => {
        running.delete(task)
        startReady()
      })
      running.add(task)
    }
  }

  const processKey = async (key: string, entry: Entry) => {
    entry.running = true
    entry.dueAt = Infinity
    const afterMs = await runWork(key, entry)
    entry.running = false
    if (afterMs !== undefined) addAfter(key, afterMs)
    else if (entry.dueAt < Infinity) addAfter(key, entry.dueAt - performance.now())
    else entries.delete(key)
  }

  const runWork = async (key: string, entry: Entry): Promise<number | undefined> => {
    try {
      const afterMs = await work(key, stopping.signal)
      entry.failures = 0
      return afterMs
    } catch (fault) {
      entry.failures++
      const retryMs = backoffMs(BACKOFF, entry.failures)
      onError(key, fault, retryMs)
      return retryMs
    }
  }

  return {
    add: (key) => addAfter(key, 0),
    addAfter,
    size: () => ready.size,
    async stop() {
      stopping.abort()
      ready.clear()
      for (const { timer } of entries.values()) clearTimeout(timer)
      await Promise.all(running)
    },
  }
}
