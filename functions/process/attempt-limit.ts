/** What an execution, its result's way to a sink, and storing what follows may take beyond their time limits. */
const ATTEMPT_MARGIN_MS = 10_000

/** The longest that one attempt at an event may take; after it, whoever had the event in hand must have died. */
export function longestAttemptMs(timeoutMs: number, hasSink: boolean): number {
  return timeoutMs * (hasSink ? 2 : 1) + ATTEMPT_MARGIN_MS
}
