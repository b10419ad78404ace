/** Margin on top of the time limits of the execution and of the post to the sink, for delays and for storing the outcome. */
const ATTEMPT_MARGIN_MS = 10_000

/**
 * The longest that one attempt may take: `timeoutMs` for the execution and, with a sink, `timeoutMs` for the post. After
 * that time the process that made the attempt must have died.
 */
export function longestAttemptMs(timeoutMs: number, hasSink: boolean): number {
  return timeoutMs * (hasSink ? 2 : 1) + ATTEMPT_MARGIN_MS
}
