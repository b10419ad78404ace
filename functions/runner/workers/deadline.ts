import type { WorkerSlot } from './worker-slot.ts'

/** How late a deadline may be noticed, and how long other events may wait behind a running one. */
const TICK_MS = 25

/** A timer that watches the executions in slots. */
export interface Deadlines {
  /** Watches from now on until nothing runs. To be called when an execution begins. */
  watch(): void
  stop(): void
}

/**
 * Stops executions that take longer than `timeoutMs`, and returns tasks that wait behind an execution of more than TICK_MS.
 * One timer serves all slots, so it costs an event next to nothing, and it rests while nothing runs.
 */
export function createDeadlines(slots: readonly WorkerSlot[], timeoutMs: number): Deadlines {
  const reason = `the execution took longer than timeoutSeconds (${timeoutMs / 1000} s) and was stopped`
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    clearInterval(timer)
    timer = undefined
  }
  const check = () => {
    const now = performance.now()
    const long = slots.filter((slot) => slot.runsSince(now - TICK_MS))
    if (long.length === 0) {
      if (!slots.some((slot) => slot.runsSince(now))) stop()
      return
    }
    // The outcome may have come, but this thread was too busy to read it. It is read before setImmediate.
    setImmediate(() => {
      for (const slot of long) {
        if (slot.runsSince(now - timeoutMs)) slot.terminate({ kind: 'retry', code: 'TIMEOUT', reason })
        else if (slot.runsSince(now - TICK_MS)) slot.returnQueued()
      }
    })
  }
  return { watch: () => void (timer ??= setInterval(check, TICK_MS)), stop }
}
