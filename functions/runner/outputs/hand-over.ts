import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { emittedId, type EmittedData } from '../../outcomes/emitted.ts'
import { eventKey, eventSubjects, type EventRef } from '../../queues/names.ts'
import type { Outgoing } from '../../jetstream/requests.ts'
import { JOBICO_HEADERS, type Verdict } from '../../outcomes/verdict.ts'

/** A result or emitted data, as an event for another event of the same Job. */
export interface HandOver {
  /** The event of the Job that it goes to. */
  readonly ref: EventRef
  readonly event: CloudEvent
  /** How many hand-overs came before this one. */
  readonly hops: number
}

/** The longest chain of hand-overs. Without a limit, events that emit to each other would run for ever. */
export const MAX_HOPS = 100

/**
 * What a verdict hands over: its result, if it has data and there is an output event, and all emitted data. The same verdict
 * always gives the same events, so that any process can finish what another began. Pure.
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

/** The `number`-th emitted event, from 1: like the result, with its own id and data. Pure. */
function emittedEvent(result: CloudEvent, { data }: EmittedData, number: number): CloudEvent {
  const id = emittedId(result.attributes.id, number)
  return { ...result, attributes: { ...result.attributes, id, datacontenttype: 'application/json' }, data }
}

/** The message that hands an event over, and its key. If sent twice within the duplicate window, it is stored once. Pure. */
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
