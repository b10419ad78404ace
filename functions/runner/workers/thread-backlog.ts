/** How much work may lie at one thread, so that it need not be woken for each event: what it runs in 2 ms. */
const THREAD_HORIZON_MS = 2
const MAX_THREAD_BACKLOG = 16

/** How many events may lie at one thread, that which runs included, from the mean time of an execution; at least one. */
export function threadBacklog(meanExecutionMs: number): number {
  return Math.max(1, Math.min(MAX_THREAD_BACKLOG, Math.floor(THREAD_HORIZON_MS / meanExecutionMs)))
}

/** Weight of the newest execution in the mean of execution times. */
const NEWEST_WEIGHT = 0.05

/** The mean of execution times after one more; Infinity stands for none so far. */
export function meanWith(meanMs: number, newestMs: number): number {
  return meanMs === Infinity ? newestMs : meanMs + (newestMs - meanMs) * NEWEST_WEIGHT
}
