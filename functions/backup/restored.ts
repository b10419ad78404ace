import type { MsgHdrs } from '@nats-io/transport-node'

import { copySchedule, ownHeaders, restOfLife } from '../jetstream/copied-headers.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { descendantsSubject, eventSubjects, isEventKey, parseSubject, type JobRef } from '../queues/names.ts'

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

/**
 * Matches the older messages that say nothing any more once a record is the newest. An outcome stays when one follows that
 * waits: it is a dead letter that was redriven. Pure.
 */
export function replacedSubjects(ref: JobRef, { state, event }: Place, newest: string): readonly string[] {
  const { kind } = parseSubject(newest)
  if (event === undefined || (kind !== 'later' && kind !== 'due')) return [state]
  const { record } = eventSubjects({ ...ref, event: event.name })
  return [record(event.key, 'later'), record(event.key, 'due')]
}

/** The sequence in the backup of a record that a restore of it has stored; undefined for all others. Pure. */
export function restoredSeq(
  { headers: fields }: Pick<StoredMessage, 'headers'>,
  backup: string,
): number | undefined {
  const [id, seq] = (fields?.get(JOBICO_HEADERS.restored) ?? '').split(' ')
  return id === backup ? Number(seq) : undefined
}

/** How long a restored record lives. */
export interface Lifetime {
  /** Undefined if it has no limit. */
  readonly seconds: number | undefined
  /** Its own time is over. It only stands until the restore has ended, so that an older state of its event is not run again. */
  readonly isOver: boolean
}

/** How long an outcome whose time is over stays if the restore never ends. */
const OVER_S = 3_600

/**
 * The rest of a record's time to live; undefined if that is over, and the backup has no older state of the event. `started` is
 * when the backup of the Job was begun, in milliseconds since the epoch like `now`. Pure.
 */
export function lifetimeOf(
  { headers: fields, time }: Pick<StoredMessage, 'headers' | 'time'>,
  { now, started }: { readonly now: number; readonly started: number },
): Lifetime | undefined {
  const storedAt = Date.parse(time)
  const seconds = restOfLife(fields, storedAt, now)
  if (seconds === undefined || seconds > 0) return { seconds, isOver: false }
  return storedAt < started ? undefined : { seconds: OVER_S, isOver: true }
}

/** What a restored record is made from. */
export interface RestoredRecord {
  readonly message: StoredMessage
  readonly lifetime: Lifetime
  /** The id of the backup. */
  readonly backup: string
  /** The sequence that the dead letter has now which the record is to replace later. */
  readonly redrive: number | undefined
}

/** The headers with which a record is stored again: its own, its schedule, and the mark of the backup. */
export function restoredHeaders({ message, lifetime, backup, redrive }: RestoredRecord): MsgHdrs {
  const { subject, seq, headers: old } = message
  const fields = ownHeaders(old)
  fields.set(JOBICO_HEADERS.restored, `${backup} ${seq}`)
  // Both are sequences of the stream that was backed up.
  fields.delete(JOBICO_HEADERS.since)
  fields.delete(JOBICO_HEADERS.redrive)
  if (redrive !== undefined) fields.set(JOBICO_HEADERS.redrive, String(redrive))
  if (lifetime.seconds !== undefined) fields.set('Nats-TTL', `${lifetime.seconds}s`)
  if (parseSubject(subject).kind === 'later') copySchedule(old, fields, subject.replace(/later$/, 'due'))
  return fields
}
