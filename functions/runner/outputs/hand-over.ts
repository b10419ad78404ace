import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import type { EmittedData } from '../../outcomes/emitted.ts'
import { eventKey, eventSubjects, type EventRef } from '../../queues/names.ts'
import type { Outgoing } from '../../jetstream/requests.ts'
import { JOBICO_HEADERS, type Verdict } from '../../outcomes/verdict.ts'

/** An event that comes out of another of the same Job. */
export interface HandOver {
  /** The event that it is for. */
  readonly ref: EventRef
  readonly event: CloudEvent
  /** How many hand-overs there were before this one. */
  readonly hops: number
}

/** The longest chain of events that come out of each other. One that has no end would cost without end. */
export const MAX_HOPS = 100

/**
 * What a verdict hands over: its result to the event of the output, where there is one and there is data, and all that was
 * emitted. The same verdict always gives the same events, so that any process can finish what another began. Pure.
 */
export function handOversOf(
  verdict: Verdict,
  ref: EventRef,
  output: string | undefined,
  hops: number,
): HandOver[] {
  if (verdict.kind === 'dead') return []
  const { result, emitted = [] } = verdict
  const to = (event: string) => ({ ...ref, event })
  const first =
    output === undefined || result.data === undefined ? [] : [{ ref: to(output), event: result, hops }]
  return [
    ...first,
    ...emitted.map((each, index) => ({
      ref: to(each.event),
      event: emittedEvent(result, each, index + 1),
      hops,
    })),
  ]
}

/** The `number`-th event that was emitted, from 1: like the result, with an id and data of its own. Pure. */
function emittedEvent(result: CloudEvent, { data }: EmittedData, number: number): CloudEvent {
  const id = `${result.attributes.id}-${number}`
  return { ...result, attributes: { ...result.attributes, id, datacontenttype: 'application/json' }, data }
}

/** The message that hands an event over, and the event's key. Sent twice within the window it is stored once. Pure. */
export function handOverMessage({ ref, event, hops }: HandOver): {
  readonly key: string
  readonly message: Outgoing
} {
  const key = eventKey(event.attributes.source, event.attributes.id)
  const headers = eventHeaders(event)
  headers.set('Nats-Msg-Id', `out.${ref.event}.${key}`)
  headers.set(JOBICO_HEADERS.hops, String(hops + 1))
  const payload = event.data === undefined ? {} : { payload: event.data }
  return { key, message: { subject: eventSubjects(ref).due(key), headers, ...payload } }
}
