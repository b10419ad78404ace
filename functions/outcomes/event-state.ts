import { toStructuredJson } from '../cloudevents/cloudevent.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import type { Requests } from '../jetstream/requests.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { verdictOfMessage, type Verdict } from './verdict.ts'

/** What became of an event. */
export type EventState =
  | { readonly state: 'unknown' }
  | { readonly state: 'pending' }
  | { readonly state: 'done'; readonly verdict: Extract<Verdict, { kind: 'done' }> }
  | { readonly state: 'dead'; readonly verdict: Extract<Verdict, { kind: 'dead' }> }

/** What became of an event that is known. */
export type KnownState = Exclude<EventState, { state: 'unknown' }>

/** A verdict, and the sequence under which the outcome stream holds it. */
export interface StoredVerdict {
  readonly verdict: Verdict
  readonly seq: number
}

/** The verdict of an event, from the leader of the outcome stream; undefined when there is none. Throws QUEUE_UNAVAILABLE. */
export async function readVerdict(
  requests: Requests,
  ref: EventRef,
  key: string,
): Promise<StoredVerdict | undefined> {
  const message = await lastMessage(requests, streamNames(ref).outcomes, eventSubjects(ref).verdict(key))
  return message && { verdict: verdictOfMessage(message), seq: message.seq }
}

/**
 * Finds an event by its key, in the order in which events move (queue, retries, verdict), so that none is missed while
 * it moves. A dead verdict with the event pending again is a redrive under way. Throws QUEUE_UNAVAILABLE.
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
 * What became of an event as JSON: its state, the members of `head` and, only where `exposed`, its result and all of its
 * error. The result is the last member.
 */
export function stateJson(head: object, state: KnownState, exposed = true): string {
  const named = { state: state.state, ...head }
  if (state.state === 'dead') {
    const { code, reason, attempts } = state.verdict
    return JSON.stringify({ ...named, error: exposed ? { code, reason, attempts } : { code } })
  }
  const text = JSON.stringify(named)
  if (state.state !== 'done' || !exposed) return text
  // The result goes in as the text that it is, so that no number loses digits.
  return `${text.slice(0, -1)},"result":${toStructuredJson(state.verdict.result)}}`
}
