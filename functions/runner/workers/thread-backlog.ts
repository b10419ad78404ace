/** A thread gets work for 2 ms at a time, so that it need not be woken for each event. */
const THREAD_HORIZON_MS = 2
const MAX_THREAD_BACKLOG = 16

/** How many events one thread may have, the running one included, by the mean execution time; at least one. */
export function threadBacklog(meanExecutionMs: number): number {
  return Math.max(1, Math.min(MAX_THREAD_BACKLOG, Math.floor(THREAD_HORIZON_MS / meanExecutionMs)))
}

/** Weight of the newest execution in the mean of execution times. */
const NEWEST_WEIGHT = 0.05

/** The mean of execution times with one more; Infinity means none so far. */
export function meanWith(meanMs: number, newestMs: number): number {
  return meanMs === Infinity ? newestMs : meanMs + (newestMs - meanMs) * NEWEST_WEIGHT
}
