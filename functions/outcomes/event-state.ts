import { toStructuredJson } from '../cloudevents/cloudevent.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import type { Requests } from '../jetstream/requests.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { verdictOfMessage, type Verdict } from './verdict.ts'

/** Whether an event is known, waits, or how it ended. */
export type EventState =
  | { readonly state: 'unknown' }
  | { readonly state: 'pending' }
  | { readonly state: 'done'; readonly verdict: Extract<Verdict, { kind: 'done' }> }
  | { readonly state: 'dead'; readonly verdict: Extract<Verdict, { kind: 'dead' }> }

/** The state of an event that is known. */
export type KnownState = Exclude<EventState, { state: 'unknown' }>

/** A verdict, and the sequence under which the outcome stream holds it. */
export interface StoredVerdict {
  readonly verdict: Verdict
  readonly seq: number
}

/**
 * The verdict of an event, from the leader of the outcome stream; undefined when there is none. Throws QUEUE_UNAVAILABLE.
 */
export async function readVerdict(
  requests: Requests,
  ref: EventRef,
  key: string,
): Promise<StoredVerdict | undefined> {
  const message = await lastMessage(requests, streamNames(ref).outcomes, eventSubjects(ref).verdict(key))
  return message && { verdict: verdictOfMessage(message), seq: message.seq }
}

/**
 * Finds an event by its key. It looks in the order in which an event moves (queue, retries, verdict), so that it is not
 * missed while it moves. An event that is dead and in the queue or the retries is being redriven, so it is pending. Throws
 * QUEUE_UNAVAILABLE.
 */
export async function eventState(requests: Requests, ref: EventRef, key: string): Promise<EventState> {
  const streams = streamNames(ref)
  const subjects = eventSubjects(ref)
  const pending =
    (await lastMessage(requests, streams.queue, subjects.queued(key))) ??
    (await lastMessage(requests, streams.retry, subjects.retry(key)))
  const verdict = (await readVerdict(requests, ref, key))?.verdict
  if (verdict?.kind === 'done') return { state: 'done', verdict }
  if (pending !== undefined) return { state: 'pending' }
  return verdict === undefined ? { state: 'unknown' } : { state: 'dead', verdict }
}

/**
 * The state of an event as JSON: `state`, the members of `head`, and its result or error. If `exposed` is false, the result
 * and all of the error but its code are left out. The result is the last member.
 */
export function stateJson(head: object, state: KnownState, exposed = true): string {
  const named = { state: state.state, ...head }
  if (state.state === 'dead') {
    const { code, reason, attempts } = state.verdict
    return JSON.stringify({ ...named, error: exposed ? { code, reason, attempts } : { code } })
  }
  const text = JSON.stringify(named)
  if (state.state !== 'done' || !exposed) return text
  // The result is inserted as text: parsing it would cost numbers their digits.
  return `${text.slice(0, -1)},"result":${toStructuredJson(state.verdict.result)}}`
}
