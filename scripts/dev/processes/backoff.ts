const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5_000
/** A process that ran this long was healthy: after its end the delay is the shortest again. */
const HEALTHY_AFTER_MS = 10_000

/** The delay before an ended process is restarted, given the previous delay and how long the process ran. Pure. */
export function restartDelayMs(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= HEALTHY_AFTER_MS) return FIRST_DELAY_MS
  return Math.min(previousMs * 2, MAX_DELAY_MS)
}
