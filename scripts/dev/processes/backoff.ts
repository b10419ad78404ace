const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5_000
/** A process that lived this long was well: the next fault starts from the shortest delay. */
const WELL_AFTER_MS = 10_000

/** How long to wait before a process that ended is started again, from the delay before and how long it lived. Pure. */
export function restartDelayMs(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= WELL_AFTER_MS) return FIRST_DELAY_MS
  return Math.min(previousMs * 2, MAX_DELAY_MS)
}
