import { headers, type MsgHdrs } from '@nats-io/transport-node'

import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { descendantsSubject, eventSubjects, isEventKey, parseSubject, type JobRef } from '../queues/names.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'

/** On a restored record that nothing has replaced since: the id of the backup, and the record's sequence there. */
const RESTORED = 'Jobico-Restored'
const REPLACED = ' replaced'

/** Where a record of a backup stands in its Job. */
export interface Place {
  /** Matches all messages of which the newest is the state. */
  readonly state: string
  /** The event and the key of a record; undefined for a count of descendants. */
  readonly event: { readonly name: string; readonly key: string } | undefined
}

/** Reads the place of a message from its subject; undefined if no message of the Job has such a subject. Pure. */
export function placeOf(ref: JobRef, kind: 'queued' | 'record', subject: string): Place | undefined {
  const { event, key, kind: record } = parseSubject(subject)
  if (/^[A-Za-z0-9-]+$/.test(event) && isEventKey(key)) {
    const subjects = eventSubjects({ ...ref, event })
    const own = kind === 'queued' ? subjects.queued(key) : record && subjects.record(key, record)
    if (own === subject) return { state: subjects.records(key), event: { name: event, key } }
  }
  const isCount = kind === 'record' && isEventKey(event) && descendantsSubject(ref, event) === subject
  return isCount ? { state: subject, event: undefined } : undefined
}

/** The headers that are not NATS's own: some of these would make it refuse the message, and the others are of the old stream. */
export function withoutNats(old: MsgHdrs | undefined): MsgHdrs {
  const fields = headers()
  for (const [name, values] of old ?? [])
    if (!/^nats-/i.test(name)) for (const value of values) fields.append(name, value)
  fields.delete(RESTORED)
  return fields
}

/** Marks a record as restored. `replaces`: an older record of the same backup is to be removed then. */
export function markRestored(fields: MsgHdrs, backup: string, seq: number, replaces: boolean): void {
  fields.set(RESTORED, `${backup} ${seq}${replaces ? REPLACED : ''}`)
}

/** The mark of a record that a restore of this backup has stored; undefined for all others. Pure. */
export function restoredFrom(
  { headers: fields }: Pick<StoredMessage, 'headers'>,
  backup: string,
): { readonly seq: number; readonly replaced: boolean } | undefined {
  const [id, seq, replaced] = (fields?.get(RESTORED) ?? '').split(' ')
  return id === backup ? { seq: Number(seq), replaced: replaced !== undefined } : undefined
}

/** When outcomes are left out. */
export interface Clocks {
  /** The time of the NATS server now, in milliseconds since the epoch. */
  readonly now: number
  /** When the backup of the Job was begun. */
  readonly started: number
}

const SECOND_MS = 1_000
/** How long an outcome that has expired is kept, so that an older state of its event is not run again. */
const EXPIRED_S = 3_600

/**
 * The headers with which a record is to be stored again: its own, its schedule, and the rest of its time to live. Undefined
 * if that is over. The sequence of a dead letter that it is to replace is left out, because that has another one now. Pure.
 */
export function restoredHeaders(
  message: Pick<StoredMessage, 'headers' | 'time'>,
  subject: string,
  clocks: Clocks,
): MsgHdrs | undefined {
  const fields = withoutNats(message.headers)
  fields.delete(JOBICO_HEADERS.redrive)
  const rest = restOfLife(message, clocks)
  if (rest !== undefined && rest <= 0) return undefined
  if (rest !== undefined) fields.set('Nats-TTL', `${rest}s`)
  const schedule = message.headers?.get('Nats-Schedule') ?? ''
  if (schedule !== '' && parseSubject(subject).kind === 'later') {
    fields.set('Nats-Schedule', schedule)
    fields.set('Nats-Schedule-Target', subject.replace(/later$/, 'due'))
  }
  return fields
}

/** For how many seconds a message is to live; undefined if it has no limit. */
function restOfLife(
  { headers: fields, time }: Pick<StoredMessage, 'headers' | 'time'>,
  { now, started }: Clocks,
): number | undefined {
  const ttl = /^(\d+)s$/.exec(fields?.get('Nats-TTL') ?? '')?.[1]
  if (ttl === undefined) return undefined
  const rest = Math.ceil((Date.parse(time) + Number(ttl) * SECOND_MS - now) / SECOND_MS)
  // The backup may have an older state only of what was stored after it was begun.
  return rest <= 0 && Date.parse(time) >= started ? EXPIRED_S : rest
}
