import type { WorkerSlot } from './worker-slot.ts'

/** How late a deadline may be noticed, and how long other events may wait behind a running one. */
const TICK_MS = 25

/**
 * Stops executions that take longer than `timeoutMs`, and returns tasks that wait behind an execution of more than TICK_MS.
 * One timer serves all slots, so it costs an event nothing. The returned function stops it.
 */
export function enforceDeadlines(slots: readonly WorkerSlot[], timeoutMs: number): () => void {
  const reason = `the execution took longer than timeoutSeconds (${timeoutMs / 1000} s) and was stopped`
  const timer = setInterval(() => {
    const now = performance.now()
    const long = slots.filter((slot) => slot.runsSince(now - TICK_MS))
    if (long.length === 0) return
    // The outcome may have come, but this thread was too busy to read it. It is read before setImmediate.
    setImmediate(() => {
      for (const slot of long) {
        if (slot.runsSince(now - timeoutMs)) slot.terminate({ kind: 'retry', code: 'TIMEOUT', reason })
        else if (slot.runsSince(now - TICK_MS)) slot.returnQueued()
      }
    })
  }, TICK_MS)
  return () => clearInterval(timer)
}
