import type { MsgHdrs } from '@nats-io/transport-node'

import { toStructuredJson } from '../cloudevents/cloudevent.ts'
import { eventOfMessage } from '../cloudevents/nats-binding.ts'
import { eventSubjects, parseSubject, streamNames, type EventRef, type RecordKind } from '../queues/names.ts'
import type { Requests } from '../jetstream/requests.ts'
import { lastMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import { progressOf, type Progress } from './history.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import { deadVerdictOf, verdictOfMessage, type Verdict } from './verdict.ts'

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

/** A record of an event as the stream holds it. */
export interface StoredRecord extends StoredMessage {
  readonly kind: RecordKind
}

/**
 * The newest record of an event, which says what its state is, from the stream's leader; undefined if there is none. Throws
 * QUEUE_UNAVAILABLE.
 */
export async function newestRecord(
  requests: Requests,
  ref: EventRef,
  key: string,
): Promise<StoredRecord | undefined> {
  const message = await lastMessage(requests, streamNames(ref).events, eventSubjects(ref).records(key))
  const kind = message && parseSubject(message.subject).kind
  return message && kind && { ...message, kind }
}

/**
 * The verdict that a record holds; undefined if it is an event that is still to run. Throws MESSAGE_UNREADABLE if its result
 * is not one that this version can read. Pure.
 */
export function verdictOf(record: StoredRecord): Verdict | undefined {
  if (record.kind === 'dead') return deadVerdictOf(record)
  return record.kind === 'done' ? doneVerdictOf(record) : undefined
}

function doneVerdictOf(record: StoredRecord): Verdict {
  try {
    return verdictOfMessage(record)
  } catch (cause) {
    throw new JobicoError(
      'MESSAGE_UNREADABLE',
      `the event is done, but this version can not read its result: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** Whether a record says how its event ended. Pure. */
export function isVerdict({ kind }: StoredRecord): boolean {
  return kind === 'done' || kind === 'dead'
}

/**
 * Finds an event by its key. It looks into the queue first and at the records then, in the order in which an event moves, so
 * that it is not missed while it moves. Throws QUEUE_UNAVAILABLE, and MESSAGE_UNREADABLE as verdictOf does.
 */
export async function eventState(requests: Requests, ref: EventRef, key: string): Promise<EventState> {
  const queued = await lastMessage(requests, streamNames(ref).queue, eventSubjects(ref).queued(key))
  const record = await newestRecord(requests, ref, key)
  const verdict = record && verdictOf(record)
  if (verdict?.kind === 'done') return { state: 'done', verdict }
  if (verdict?.kind === 'dead') return { state: 'dead', verdict }
  const pending = record ?? queued
  if (pending === undefined) return { state: 'unknown' }
  const { headers } = pending
  return { state: 'pending', progress: progressOf(headers), identity: identityOf(headers) }
}

/** Whether an event is pending, or has an outcome that is kept. Looks in the order of eventState. Throws QUEUE_UNAVAILABLE. */
export async function isKnown(requests: Requests, ref: EventRef, key: string): Promise<boolean> {
  const queued = await lastMessage(requests, streamNames(ref).queue, eventSubjects(ref).queued(key))
  return queued !== undefined || (await newestRecord(requests, ref, key)) !== undefined
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
