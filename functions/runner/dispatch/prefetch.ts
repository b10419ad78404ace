/** A runner holds work for about 200 ms, so that no event waits here while another runner is free. */
const HORIZON_MS = 200

/** How many messages to hold beyond those that are executed, computed from the mean execution time; at most `max`. */
export function prefetch(concurrency: number, meanExecutionMs: number, max: number): number {
  return Math.min(max, Math.floor((concurrency * HORIZON_MS) / Math.max(meanExecutionMs, 0.01)))
}
