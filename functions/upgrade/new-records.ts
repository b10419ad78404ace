import type { MsgHdrs } from '@nats-io/transport-node'

import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { copySchedule, ownHeaders, restOfLife } from '../jetstream/copied-headers.ts'
import { expectNewest } from '../jetstream/publish.ts'
import type { Outgoing } from '../jetstream/requests.ts'
import { eventSubjects, type EventRef } from '../queues/names.ts'
import { splitVerdict, type OldMessage } from './old-layout.ts'

/** The parts of a message of 0.1.0 that its new record is made from. */
export type OldContent = Pick<OldMessage, 'ref' | 'key' | 'storedAt' | 'headers' | 'data'>

/**
 * The `done` record of a verdict of 0.1.0, with the rest of its time to live; undefined if that is over. It is to be stored
 * if the event has no record. Pure.
 */
export function doneRecord(verdict: OldContent, now: number): Outgoing | undefined {
  const { data, emitted } = splitVerdict(verdict.headers, verdict.data)
  const names = emitted.map(({ event }) => event).join(',')
  return outcome(verdict, 'done', now, (fields) => {
    if (names !== '') fields.set(JOBICO_HEADERS.emitted, names)
    return data
  })
}

/** As doneRecord, for a dead letter of 0.1.0, from the message with its event: that repeats the verdict. Pure. */
export function deadRecord(body: OldContent, now: number): Outgoing | undefined {
  return outcome(body, 'dead', now, () => body.data)
}

function outcome(
  { ref, key, storedAt, headers: old }: OldContent,
  kind: 'done' | 'dead',
  now: number,
  payloadWith: (fields: MsgHdrs) => Uint8Array,
): Outgoing | undefined {
  const fields = ownHeaders(old)
  const rest = restOfLife(old, storedAt, now)
  if (rest !== undefined && rest <= 0) return undefined
  if (rest !== undefined) fields.set('Nats-TTL', `${rest}s`)
  const { record, records } = eventSubjects(ref)
  const payload = payloadWith(fields)
  expectNewest(fields, records(key), 0)
  return { subject: record(key, kind), headers: fields, payload }
}

/** What is known of an event of 0.1.0 that waits. */
export interface Waiting {
  /** Its process may have died while it ran. */
  readonly suspect: boolean
  /** The sequence of the dead letter that it is to replace; 0 if it was not redriven. */
  readonly replaces: number
}

/**
 * The record of an event of 0.1.0 that waits: `later` with the same due time if it was scheduled, `due` otherwise. It is to be
 * stored if the newest record of the event is the one that it replaces, or there is none. Pure.
 */
export function waitingRecord(message: OldMessage, { suspect, replaces }: Waiting): Outgoing {
  const { ref, key, headers: old, data } = message
  const { record, records } = eventSubjects(ref)
  const fields = ownHeaders(old)
  fields.delete(JOBICO_HEADERS.redrive)
  if (replaces !== 0) fields.set(JOBICO_HEADERS.redrive, String(replaces))
  if (suspect) fields.set(JOBICO_HEADERS.suspect, '1')
  expectNewest(fields, records(key), replaces)
  const isScheduled = message.kind === 'later' && copySchedule(old, fields, record(key, 'due'))
  return { subject: record(key, isScheduled ? 'later' : 'due'), headers: fields, payload: data }
}

/** The event of a message, for other messages of it. Pure. */
export function contentOf(
  ref: EventRef,
  key: string,
  { headers: fields, data, time }: { headers: MsgHdrs | undefined; data: Uint8Array; time: string },
): OldContent {
  return { ref, key, headers: fields, data, storedAt: Date.parse(time) }
}
