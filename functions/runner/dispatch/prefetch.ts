/** How much work one pull should bring: about 200 ms of it, so that nothing waits here while another runner is free. */
const HORIZON_MS = 200

/** How many messages to hold beyond those that are executed, from the mean time of an execution; at most `max`. */
export function prefetch(concurrency: number, meanExecutionMs: number, max: number): number {
  return Math.min(max, Math.floor((concurrency * HORIZON_MS) / Math.max(meanExecutionMs, 0.01)))
}
