import { backoffMs } from '../backoff.ts'

const BACKOFF = { firstMs: 200, maxMs: 60_000 }
const MAX_TIMER_MS = 2 ** 31 - 1

/** What a queue works with. */
export interface QueueOptions {
  /** Works on a key; the answer is after how many ms to do so again, if at all. What it throws makes it wait, longer each time. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>
  /** How many keys are worked on at once. */
  readonly concurrency: number
  /** Told what `work` threw, and in how many ms it is tried again. */
  readonly onError: (key: string, fault: unknown, retryMs: number) => void
}

/** A queue of keys in which a key waits once, however often it was added, and is never worked on twice at once. */
export interface WorkQueue {
  /** Work on the key as soon as possible, also where it waits for a later time; once more if it is being worked on. */
  add(key: string): void
  /** Work on the key after that many ms at the latest. */
  addAfter(key: string, ms: number): void
  /** How many keys wait to be worked on now; keys that wait for a later time do not count. */
  size(): number
  /** Takes nothing more up, aborts the signal, and waits for what runs. */
  stop(): Promise<void>
}

/** A key that waits, is worked on, or has failed. */
interface Entry {
  /** When it is wanted next, by the clock of `performance.now`. */
  dueAt: number
  timer: NodeJS.Timeout | undefined
  running: boolean
  faults: number
}

/** Makes a queue; it starts at once. */
export function createWorkQueue({ work, concurrency, onError }: QueueOptions): WorkQueue {
  const entries = new Map<string, Entry>()
  const ready = new Set<string>()
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()

  const entryOf = (key: string): Entry => {
    const entry = entries.get(key) ?? { dueAt: Infinity, timer: undefined, running: false, faults: 0 }
    entries.set(key, entry)
    return entry
  }

  const want = (key: string, afterMs: number) => {
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
    // Not at once: what else is added in this turn is the same piece of work.
    setImmediate(takeUp)
  }

  const takeUp = () => {
    for (const key of ready) {
      if (running.size >= concurrency) return
      ready.delete(key)
      const task: Promise<void> = workOn(key, entryOf(key)).finally(() => {
        running.delete(task)
        takeUp()
      })
      running.add(task)
    }
  }

  const workOn = async (key: string, entry: Entry) => {
    entry.running = true
    entry.dueAt = Infinity
    const afterMs = await outcome(key, entry)
    entry.running = false
    if (afterMs !== undefined) want(key, afterMs)
    else if (entry.dueAt < Infinity) want(key, entry.dueAt - performance.now())
    else entries.delete(key)
  }

  const outcome = async (key: string, entry: Entry): Promise<number | undefined> => {
    try {
      const afterMs = await work(key, stopping.signal)
      entry.faults = 0
      return afterMs
    } catch (fault) {
      entry.faults++
      const retryMs = backoffMs(BACKOFF, entry.faults)
      onError(key, fault, retryMs)
      return retryMs
    }
  }

  return {
    add: (key) => want(key, 0),
    addAfter: want,
    size: () => ready.size,
    async stop() {
      stopping.abort()
      ready.clear()
      for (const { timer } of entries.values()) clearTimeout(timer)
      await Promise.all(running)
    },
  }
}
