import type { JobRef } from './names.ts'
import type { Requests } from './requests.ts'
import type { EventState } from './state.ts'

/** What became of an event, and under which name of the Job's. */
export type FoundEvent = Exclude<EventState, { state: 'unknown' }> & { readonly event: string }

/**
 * Finds a key at all events of a Job, read from the leaders; empty when none knows it. One CloudEvent that was sent to
 * several events is found at each. Throws NOT_FOUND when the Job has no streams, and QUEUE_UNAVAILABLE.
 */
export function findEvents(requests: Requests, ref: JobRef, key: string): Promise<readonly FoundEvent[]> {
  throw new Error(`not yet: ${ref.job} ${key} ${String(requests.isOnline())}`)
}
