import type { MsgHdrs } from '@nats-io/transport-node'

import { toStructuredJson } from '../cloudevents/cloudevent.ts'
import { eventOfMessage } from '../cloudevents/nats-binding.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import type { Requests } from '../jetstream/requests.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { progressOf, type Progress } from './history.ts'
import { verdictOfMessage, type Verdict } from './verdict.ts'

/** Whether an event is known, waits, or how it ended. */
export type EventState =
  | { readonly state: 'unknown' }
  | { readonly state: 'pending'; readonly progress: Progress; readonly identity: Identity | undefined }
  | { readonly state: 'done'; readonly verdict: Extract<Verdict, { kind: 'done' }> }
  | { readonly state: 'dead'; readonly verdict: Extract<Verdict, { kind: 'dead' }> }

/** The attributes that make a CloudEvent the same as another. */
export interface Identity {
  readonly id: string
  readonly source: string
}

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
  if (pending !== undefined) {
    const { headers } = pending
    return { state: 'pending', progress: progressOf(headers), identity: identityOf(headers) }
  }
  return verdict === undefined ? { state: 'unknown' } : { state: 'dead', verdict }
}

/** Id and source of the event in a message's headers; undefined if they carry none. Pure. */
export function identityOf(fields: MsgHdrs | undefined): Identity | undefined {
  try {
    const { id, source } = eventOfMessage(fields, new Uint8Array()).attributes
    return { id, source }
  } catch {
    return undefined
  }
}

/**
 * The state of an event as JSON: `state`, the members of `head`, and how far it is, its error or its result. If `exposed` is
 * false, only the code of the error is left of these. The result is the last member.
 */
export function stateJson(head: object, state: KnownState, exposed = true): string {
  const named = { state: state.state, ...head }
  if (state.state === 'pending')
    return JSON.stringify({ ...named, ...progressMembers(state.progress, exposed) })
  if (state.state === 'dead') return JSON.stringify({ ...named, error: errorMember(state.verdict, exposed) })
  const text = JSON.stringify(named)
  if (!exposed) return text
  // The result is inserted as text: parsing it would cost numbers their digits.
  return `${text.slice(0, -1)},"result":${toStructuredJson(state.verdict.result)}}`
}

function progressMembers({ attempts, dueAt, redriven, error }: Progress, exposed: boolean): object {
  const failure = error && { error: errorMember({ ...error, attempts: error.attempt }, exposed) }
  if (!exposed) return { ...failure }
  return {
    attempts,
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(redriven ? { redriven } : {}),
    ...failure,
  }
}

function errorMember(
  { code, reason, attempts }: Pick<Extract<Verdict, { kind: 'dead' }>, 'code' | 'reason' | 'attempts'>,
  exposed: boolean,
): object {
  return exposed ? { code, reason, attempts } : { code }
}
