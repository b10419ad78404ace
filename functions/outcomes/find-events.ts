import { manage, subjectsIn } from '../jetstream/manager.ts'
import { eventSubjects, isEventKey, parseSubject, streamNames, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import type { Requests } from '../jetstream/requests.ts'
import { eventState, type KnownState } from './event-state.ts'

/** What became of an event, and under which name of the Job's. */
export type FoundEvent = KnownState & { readonly event: string }

/**
 * Finds a key at all events of a Job, read from the leaders; empty when none knows it. One CloudEvent that was sent to
 * several events is found at each. Throws NOT_FOUND when the Job has no streams, and QUEUE_UNAVAILABLE.
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

/** The events that have a key, looked for in the order in which events move, so that none is missed while it moves. */
async function eventsOf(requests: Requests, ref: JobRef, key: string): Promise<readonly string[]> {
  const manager = await manage(requests.connection)
  const names = streamNames(ref)
  const subjects = eventSubjects({ ...ref, event: '*' })
  const places = [
    [names.queue, subjects.queued(key)],
    [names.retry, subjects.retry(key)],
    [names.outcomes, subjects.verdict(key)],
  ] as const
  const events = new Set<string>()
  for (const [stream, filter] of places) {
    const found = await subjectsIn(manager, stream, filter)
    if (found === undefined) throw queueNotFound(ref)
    for (const subject of found.keys()) events.add(parseSubject(subject).event)
  }
  return [...events].sort()
}
