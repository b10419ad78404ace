import { eventHeaders, headersSize } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { emittedId, type EmittedData } from './emitted.ts'
import { setLineage, type Lineage } from './history.ts'
import { eventKey, eventSubjects, type EventRef } from '../queues/names.ts'
import type { Outgoing } from '../jetstream/requests.ts'

/** A result or emitted data, as an event for another event of the same Job. */
export interface HandOver {
  /** The event of the Job that it goes to. */
  readonly ref: EventRef
  readonly event: CloudEvent
}

/** The bytes of hand-overs, with their attributes. Pure. */
export function handOverBytes(events: readonly HandOver[]): number {
  return events.reduce(
    (sum, { event }) => sum + headersSize(eventHeaders(event)) + (event.data?.length ?? 0),
    0,
  )
}

/** The longest chain of hand-overs. Without a limit, events that emit to each other would run for ever. */
export const MAX_HOPS = 100

/**
 * What an execution hands over: its result, if it has data and there is an output event, and all emitted data. The same
 * result always gives the same events. Pure.
 */
export function handOversOf(
  ref: EventRef,
  output: string | undefined,
  result: CloudEvent,
  emitted: readonly EmittedData[],
): HandOver[] {
  const to = (event: string) => ({ ...ref, event })
  const first = output === undefined || result.data === undefined ? [] : [{ ref: to(output), event: result }]
  return [
    ...first,
    ...emitted.map((each, index) => ({ ref: to(each.event), event: emittedEvent(result, each, index + 1) })),
  ]
}

/** The `number`-th emitted event, from 1: like the result, with its own id and data. Pure. */
function emittedEvent(result: CloudEvent, { data }: EmittedData, number: number): CloudEvent {
  const id = emittedId(result.attributes.id, number)
  return { ...result, attributes: { ...result.attributes, id, datacontenttype: 'application/json' }, data }
}

/** The message that hands an event over; `lineage` is that of the event itself, as it is to be told there. Pure. */
export function handOverMessage({ ref, event }: HandOver, lineage: Lineage): Outgoing {
  const key = eventKey(event.attributes.source, event.attributes.id)
  const headers = eventHeaders(event)
  setLineage(headers, lineage)
  const payload = event.data === undefined ? {} : { payload: event.data }
  return { subject: eventSubjects(ref).record(key, 'due'), headers, ...payload }
}
