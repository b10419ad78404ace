import { eventHeaders, headersSize } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import type { EmittedData } from '../../outcomes/emitted.ts'
import { MAX_HOPS } from '../../outcomes/hand-over.ts'
import { outputFault, type NextEvent, type Output } from '../outputs/output.ts'
import type { Failure } from '../../guests/abi.ts'
import { formatBytes } from '../../jetstream/stream-refusal.ts'
import { exceededLimit, MAX_DESCENDANTS, type Family } from './families.ts'

/** What an execution gave: its result, and what it emitted. */
export interface Produced {
  readonly result: CloudEvent
  readonly emitted: readonly EmittedData[]
}

/** What a result is checked against. */
export interface ResultLimits {
  readonly output: Output | undefined
  readonly emits: ReadonlyMap<string, NextEvent | undefined>
  readonly maxResultBytes: () => number
}

/**
 * Says why a result and what was emitted can not be stored: they are too large, do not match the schemas of the events that
 * they go to, or those are not served. Undefined if they can.
 */
export async function resultFault(limits: ResultLimits, produced: Produced): Promise<Failure | undefined> {
  const { result, emitted } = produced
  const data = [result.data, ...emitted.map((each) => each.data)]
  const size = headersSize(eventHeaders(result)) + data.reduce((sum, each) => sum + (each?.length ?? 0), 0)
  const most = limits.maxResultBytes()
  if (size > most) {
    const what = emitted.length === 0 ? 'the result has' : 'the result and what is emitted have'
    const reason = `${what} ${size} bytes with the attributes; at most ${most} can be stored`
    return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
  }
  const reason = await schemaFault(limits, produced)
  return reason === undefined
    ? unservedFault(limits, produced)
    : { kind: 'reject', code: 'OUTPUT_INVALID', reason }
}

/** A retry if data is emitted to an event that is not served: that may be fixed while the event waits. */
function unservedFault({ emits }: ResultLimits, { emitted }: Produced): Failure | undefined {
  const missing = emitted.find(({ event }) => emits.get(event) === undefined)
  if (missing === undefined) return undefined
  const reason = `it emits to ${missing.event}, which is not served: see why, with jobico status or kubectl get jj`
  return { kind: 'retry', code: 'OUTPUT_INVALID', reason }
}

async function schemaFault(
  { output, emits }: ResultLimits,
  { result, emitted }: Produced,
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

/** Where an execution stands among hand-overs. */
export interface Lineage {
  /** What it hands over. */
  readonly more: Family
  /** How many hand-overs led to its event. */
  readonly hops: number
  /** What came out of the event with which these began, so far. */
  readonly family: Family
  /** The most bytes that may come out of one event. */
  readonly mostBytes: number
}

/** Says why nothing more may be handed over; undefined if it may. Pure. */
export function lineageFault(lineage: Lineage): Failure | undefined {
  const reason = lineageReason(lineage)
  return reason === undefined ? undefined : { kind: 'reject', code: 'OUTPUT_INVALID', reason }
}

function lineageReason({ more, hops, family, mostBytes }: Lineage): string | undefined {
  const advice = 'break the circle of events that emit to each other'
  if (more.events > 0 && hops >= MAX_HOPS)
    return `${hops} hand-overs led to this event, and no more are allowed: ${advice}`
  if (more.events < 2) return undefined
  const exceeded = exceededLimit(family, more, mostBytes)
  if (exceeded === 'events')
    return `${family.events} events came out of one event by hand-overs, and no more than ${MAX_DESCENDANTS} are allowed: ${advice}`
  if (exceeded === 'bytes')
    return (
      `${formatBytes(family.bytes)} came out of one event by hand-overs, and no more than ${formatBytes(mostBytes)} are ` +
      `allowed: ${advice}, or raise \`spec.queue.maxBytes\``
    )
  return undefined
}
