import { eventKey, jobSource } from '../queues/names.ts'
import type { EventRef, JobRef } from '../queues/names.ts'
import type { Requests } from '../jetstream/requests.ts'
import { causeKeyOf, emittedId } from './emitted.ts'
import {
  eventState,
  identityOf,
  newestRecord,
  type EventState,
  type Identity,
  type KnownState,
} from './event-state.ts'
import { findEvents } from './find-events.ts'
import type { Verdict } from './verdict.ts'

/** Another event of the same Job, and what became of it; `unknown` if it is no longer kept, or not handed over yet. */
export interface RelatedEvent {
  readonly event: string
  readonly key: string
  readonly state: EventState['state']
}

/** What an event came out of, and what came out of it. */
export interface Relations {
  /** The event whose module emitted this one, or whose result it is. */
  readonly cause?: RelatedEvent
  /** The result, where it went to another event, then what the module emitted in its order. */
  readonly effects: readonly RelatedEvent[]
}

/**
 * Reads the cause and the effects of an event within its Job. That the result went to an event is known for as long as that
 * event is. Throws QUEUE_UNAVAILABLE.
 */
export async function readRelations(
  requests: Requests,
  ref: EventRef,
  key: string,
  state: KnownState,
): Promise<Relations> {
  const identity = await readIdentity(requests, ref, key, state)
  const cause = identity && causeOf(ref, identity)
  const withState = async ({ event, key: related }: Omit<RelatedEvent, 'state'>): Promise<RelatedEvent> => {
    const found = await eventState(requests, { ...ref, event }, related)
    return { event, key: related, state: found.state }
  }
  const [causeState, ...effects] = await Promise.all([
    cause && withState(cause),
    ...(state.state === 'done' ? emittedBy(state.verdict) : []).map(withState),
  ])
  const handedOn = state.state === 'done' ? await resultAt(requests, ref, state.verdict) : []
  return { ...(causeState && { cause: causeState }), effects: [...handedOn, ...effects] }
}

/** The id and source of the event itself. A done verdict names them as the cause of the result. */
async function readIdentity(
  requests: Requests,
  ref: EventRef,
  key: string,
  state: KnownState,
): Promise<Identity | undefined> {
  if (state.state === 'pending') return state.identity
  if (state.state === 'dead') {
    return identityOf((await newestRecord(requests, ref, key))?.headers)
  }
  const { causationid: id, causationsource: source } = state.verdict.result.attributes
  return id === undefined || source === undefined ? undefined : { id, source }
}

/** Strict, because anybody may send an event with such a source, and the name becomes part of a NATS subject. */
const EVENT_NAME = /^[A-Za-z0-9-]{1,63}$/

/** The event of the same Job that an event came out of, by its id and source; undefined if it came from outside. Pure. */
export function causeOf(job: JobRef, { id, source }: Identity): Omit<RelatedEvent, 'state'> | undefined {
  const prefix = `${jobSource(job)}/events/`
  const key = causeKeyOf(id)
  const event = source.slice(prefix.length)
  if (key === undefined || !source.startsWith(prefix) || !EVENT_NAME.test(event)) return undefined
  return { event, key }
}

type DoneVerdict = Extract<Verdict, { kind: 'done' }>

function emittedBy({ result, emitted = [] }: DoneVerdict): readonly Omit<RelatedEvent, 'state'>[] {
  const { source, id } = result.attributes
  return emitted.map((event, index) => ({ event, key: eventKey(source, emittedId(id, index + 1)) }))
}

/** The verdict does not say where the result goes, so its key is looked for at all events. */
async function resultAt(
  requests: Requests,
  ref: JobRef,
  { result }: DoneVerdict,
): Promise<readonly RelatedEvent[]> {
  if (result.data === undefined) return []
  const key = eventKey(result.attributes.source, result.attributes.id)
  const found = await findEvents(requests, ref, key)
  return found.map(({ event, state }) => ({ event, key, state }))
}
