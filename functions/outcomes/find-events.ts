import { manage, subjectsIn } from '../jetstream/manager.ts'
import { eventSubjects, isEventKey, parseSubject, streamNames, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import type { Requests } from '../jetstream/requests.ts'
import { eventState, type KnownState } from './event-state.ts'

/** The state of a CloudEvent at one event of a Job, and that event's name. */
export type FoundEvent = KnownState & { readonly event: string }

/**
 * Looks for a key at all events of a Job, at the streams' leaders; empty if it is found nowhere. A CloudEvent that was sent
 * to several events is found at each. Throws NOT_FOUND if the Job has no streams, and QUEUE_UNAVAILABLE.
 */
export async function findEvents(
  requests: Requests,
  ref: JobRef,
  key: string,
): Promise<readonly FoundEvent[]> {
  if (!isEventKey(key)) return []
  const events = await eventsOf(requests, ref, key)
  const states = await Promise.all(
    events.map(async (event) => ({ event, ...(await eventState(requests, { ...ref, event }, key)) })),
  )
  return states.filter((found) => found.state !== 'unknown')
}

/** The events that have a key. It looks in the order in which an event moves, so that it is not missed while it moves. */
async function eventsOf(requests: Requests, ref: JobRef, key: string): Promise<readonly string[]> {
  const manager = await manage(requests.connection)
  const names = streamNames(ref)
  const subjects = eventSubjects({ ...ref, event: '*' })
  const places = [
    [names.queue, subjects.queued(key)],
    [names.events, subjects.records(key)],
  ] as const
  const events = new Set<string>()
  for (const [stream, filter] of places) {
    const found = await subjectsIn(manager, stream, filter)
    if (found === undefined) throw queueNotFound(ref)
    for (const subject of found.keys()) events.add(parseSubject(subject).event)
  }
  return [...events].sort()
}
