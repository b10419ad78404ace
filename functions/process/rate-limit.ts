import { setTimeout as delay } from 'node:timers/promises'

/** What was missed by so much is made up for; anything longer, such as a pause, is not. */
const SLACK_MS = 50

/** Makes what waits for its turn, of which there are `perSecond` in a second. It rejects with an AbortError at the signal. */
export function createRateLimit(perSecond: number, signal: AbortSignal): () => Promise<void> {
  let due = performance.now()
  return async () => {
    const now = performance.now()
    const turn = Math.max(due, now - SLACK_MS)
    due = turn + 1_000 / perSecond
    if (turn > now) await delay(turn - now, undefined, { signal })
  }
}
