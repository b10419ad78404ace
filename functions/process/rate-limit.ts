import { setTimeout as delay } from 'node:timers/promises'

/** Turns missed within this time are made up for; a longer pause is not. */
const SLACK_MS = 50

/**
 * Gives a function that waits for its turn, of which a second has `perSecond`. The signal makes it reject with an
 * AbortError.
 */
export function createRateLimit(perSecond: number, signal: AbortSignal): () => Promise<void> {
  let due = performance.now()
  return async () => {
    const now = performance.now()
    const turn = Math.max(due, now - SLACK_MS)
    due = turn + 1_000 / perSecond
    if (turn > now) await delay(turn - now, undefined, { signal })
  }
}
