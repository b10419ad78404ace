import { eventHeaders, headersSize } from '../../cloudevents/nats-binding.ts'
import type { EventRef } from '../../queues/names.ts'
import { verdictPayload, type Verdict } from '../../outcomes/verdict.ts'
import { MAX_HOPS, handOversOf } from '../outputs/hand-over.ts'
import { outputFault, type NextEvent, type Output } from '../outputs/output.ts'
import type { Failure } from '../../guests/abi.ts'

/** The verdict of an event that is done. */
export type DoneVerdict = Extract<Verdict, { kind: 'done' }>

/** What a verdict is checked against. */
export interface VerdictLimits {
  readonly ref: EventRef
  readonly output: Output | undefined
  readonly emits: ReadonlyMap<string, NextEvent | undefined>
  readonly maxResultBytes: () => number
}

/**
 * Says why a verdict can not be stored or handed over to other events: it is too large, does not match their schemas, or too
 * many hand-overs (`hops`) led to it. Undefined if it can.
 */
export async function verdictFault(
  limits: VerdictLimits,
  verdict: DoneVerdict,
  hops: number,
): Promise<Failure | undefined> {
  const size = headersSize(eventHeaders(verdict.result)) + verdictPayload(verdict).length
  const most = limits.maxResultBytes()
  if (size > most) {
    const what = verdict.emitted === undefined ? 'the result has' : 'the result and what is emitted have'
    const reason = `${what} ${size} bytes with the attributes; at most ${most} can be stored`
    return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
  }
  const reason = (await schemaFault(limits, verdict)) ?? hopsFault(limits, verdict, hops)
  return reason === undefined
    ? unservedFault(limits, verdict)
    : { kind: 'reject', code: 'OUTPUT_INVALID', reason }
}

/** A retry if data is emitted to an event that is not served: that may be fixed while the event waits. */
function unservedFault({ emits }: VerdictLimits, { emitted = [] }: DoneVerdict): Failure | undefined {
  const missing = emitted.find(({ event }) => emits.get(event) === undefined)
  if (missing === undefined) return undefined
  const reason = `it emits to ${missing.event}, which is not served: see why, with jobico status or kubectl get jj`
  return { kind: 'retry', code: 'OUTPUT_INVALID', reason }
}

async function schemaFault(
  { output, emits }: VerdictLimits,
  { result, emitted = [] }: DoneVerdict,
): Promise<string | undefined> {
  if (output?.kind === 'event' && result.data !== undefined) {
    const fault = await outputFault('the result', output, result.data)
    if (fault !== undefined) return fault
  }
  for (const { event, data } of emitted) {
    const next = emits.get(event)
    const fault = next && (await outputFault('what it emits', next, data))
    if (fault !== undefined) return fault
  }
  return undefined
}

function hopsFault({ ref, output }: VerdictLimits, verdict: DoneVerdict, hops: number): string | undefined {
  const next = output?.kind === 'event' ? output.ref.event : undefined
  if (hops < MAX_HOPS || handOversOf(verdict, ref, next, hops).length === 0) return undefined
  return `${hops} hand-overs led to this event, and no more are allowed: break the circle of events that emit to each other`
}
