/** What an execution, its result's way to a sink, and storing what follows may take beyond their time limits. */
const PASSAGE_MARGIN_MS = 10_000

/** The longest that one attempt at an event may take; after it, whoever had the event in hand must have died. */
export function longestPassageMs(timeoutMs: number, hasSink: boolean): number {
  return timeoutMs * (hasSink ? 2 : 1) + PASSAGE_MARGIN_MS
}
