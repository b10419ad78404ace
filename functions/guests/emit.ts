import type { Emitted, Host, Outcome } from './abi.ts'
import { RESULT_CHARS } from './result.ts'

/** The maximum number of events that one execution may emit. */
export const EMITS = 50

/** The outcome of an execution that emitted `before` and now may not emit `next`, which is JSON; undefined if it may. Pure. */
export function emitFault(
  { events }: Pick<Host, 'events'>,
  before: readonly Emitted[],
  next: Emitted,
): Outcome | undefined {
  if (!events.has(next.event)) return notOffered(next.event, events)
  if (before.length === EMITS) return tooMuch(`more than ${EMITS} events`)
  const chars = [...before, next].reduce((sum, { data }) => sum + data.length, 0)
  return chars > RESULT_CHARS ? tooMuch(`more than ${RESULT_CHARS} characters`) : undefined
}

function notOffered(event: string, events: ReadonlySet<string>): Outcome {
  const others = [...events].join(', ') || 'none'
  const reason = `it emits to ${JSON.stringify(event)}, which is no other event of its Job; those are: ${others}`
  return { kind: 'reject', code: 'OUTPUT_INVALID', reason }
}

function tooMuch(what: string): Outcome {
  return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason: `it emits ${what} in one execution: emit less` }
}
