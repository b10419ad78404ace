import type { MsgHdrs } from '@nats-io/transport-node'

import { forEachConcurrently } from '../process/concurrency.ts'
import { expectNewest, publish, throwRefusal } from '../jetstream/publish.ts'
import type { Outgoing, Requests } from '../jetstream/requests.ts'
import { deleteMessage, lastMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import { readHistory } from '../outcomes/history.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { eventSubjects, RECORDS, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { markRestored, placeOf, restoredFrom, restoredHeaders, withoutNats, type Place } from './restored.ts'

/** What storing the messages of a backup needs. */
export interface Restoring {
  readonly requests: Requests
  readonly ref: JobRef
  /** The id of the backup. */
  readonly backup: string
  /** When the backup of the Job was begun, in milliseconds since the epoch. */
  readonly started: number
  /** The time of the NATS server. */
  readonly now: () => number
  /** Stores and deletes nothing. */
  readonly dryRun: boolean
}

/** What became of a message of a backup: NATS has it now, knew the event already, or its time to live is over. */
export type Fate = 'stored' | 'known' | 'expired'

/** How many messages of each fate. */
export type Tally = Readonly<Record<Fate, number>>

const AT_ONCE = 64

/**
 * Stores a page of records, each unless its event has a newer one. Safe to break off and to repeat. Throws QUEUE_UNAVAILABLE
 * and QUEUE_FULL.
 */
export async function restoreRecords(restoring: Restoring, page: readonly StoredMessage[]): Promise<Tally> {
  const tally = emptyTally()
  const refused: PlacedRecord[] = []
  // In the order of the page: requests of one connection arrive in the order in which they are sent.
  await Promise.all(
    page.map(async (message) => {
      const place = placeOf(restoring.ref, 'record', message.subject)
      const outgoing = place && newRecord(restoring, message, place)
      if (place === undefined || outgoing === undefined) tally.expired++
      else if (!restoring.dryRun && (await store(restoring, outgoing))) tally.stored++
      else refused.push({ message, place })
    }),
  )
  // An event may have several records in a page; of those, the order counts.
  const byState = Map.groupBy(refused, ({ place }) => place.state)
  await forEachConcurrently(byState.values(), AT_ONCE, async (records) => {
    records.sort((a, b) => a.message.seq - b.message.seq)
    for (const record of records) tally[await replaceOlder(restoring, record)]++
  })
  return tally
}

interface PlacedRecord {
  readonly message: StoredMessage
  readonly place: Place
}

function emptyTally(): Record<Fate, number> {
  return { stored: 0, known: 0, expired: 0 }
}

/** A record as it is stored if its event has none; undefined if its time to live is over. */
function newRecord(
  { backup, started, now }: Restoring,
  message: StoredMessage,
  { state }: Place,
): (Outgoing & { readonly headers: MsgHdrs }) | undefined {
  const { subject, seq, data } = message
  const fields = restoredHeaders(message, subject, { now: now(), started })
  if (fields === undefined) return undefined
  markRestored(fields, backup, seq, false)
  expectNewest(fields, state, 0)
  return { subject, headers: fields, payload: data }
}

/** Stores a record if its condition holds; false if another one is the newest of its event. */
async function store({ requests }: Restoring, message: Outgoing): Promise<boolean> {
  const ack = await publish(requests, message)
  if (!ack.stored && ack.refusal !== 'wrong-sequence') throwRefusal(ack)
  return ack.stored
}

/**
 * Stores a record whose event has one. That gives way if it is an older one of the same backup, which nothing has replaced
 * since: a backup of a running Job has several states of an event that moved meanwhile.
 */
async function replaceOlder(restoring: Restoring, record: PlacedRecord): Promise<Fate> {
  const { requests, ref, dryRun } = restoring
  for (;;) {
    const newest = await lastMessage(requests, streamNames(ref).events, record.place.state)
    if (newest !== undefined && !givesWay(restoring, record, newest)) {
      if (!dryRun) await finishReplacing(restoring, record, newest)
      return 'known'
    }
    const fate = dryRun ? 'stored' : await replace(restoring, record, newest?.seq ?? 0)
    if (fate !== undefined) return fate
  }
}

function givesWay({ backup }: Restoring, { message }: PlacedRecord, newest: StoredMessage): boolean {
  const from = restoredFrom(newest, backup)
  return from !== undefined && from.seq < message.seq
}

/** A process that died may have stored the record, and left what it replaces. */
async function finishReplacing(
  restoring: Restoring,
  record: PlacedRecord,
  newest: StoredMessage,
): Promise<void> {
  const from = restoredFrom(newest, restoring.backup)
  if (from?.seq === record.message.seq && from.replaced) await removeOlder(restoring, record, newest.headers)
}

/** Stores a record in the place of the one with this sequence, 0 for none; undefined if that is not the newest any more. */
async function replace(
  restoring: Restoring,
  record: PlacedRecord,
  expected: number,
): Promise<Fate | undefined> {
  const { message, place } = record
  const outgoing = newRecord(restoring, message, place)
  if (outgoing === undefined) return 'expired'
  markRestored(outgoing.headers, restoring.backup, message.seq, expected !== 0)
  expectNewest(outgoing.headers, place.state, expected)
  const letter = await letterOf(restoring, record)
  if (letter !== undefined) outgoing.headers.set(JOBICO_HEADERS.redrive, String(letter.seq))
  if (!(await store(restoring, outgoing))) return undefined
  if (expected !== 0) await removeOlder(restoring, record, outgoing.headers)
  return 'stored'
}

/** The dead letter of a redriven event, where this backup's was restored. */
async function letterOf(
  { requests, ref, backup }: Restoring,
  { message, place }: PlacedRecord,
): Promise<StoredMessage | undefined> {
  const { redrive } = readHistory(message.headers)
  if (redrive === undefined || place.event === undefined) return undefined
  const { record } = eventSubjects(eventOf(ref, place.event.name))
  const letter = await lastMessage(requests, streamNames(ref).events, record(place.event.key, 'dead'))
  return letter && restoredFrom(letter, backup)?.seq === redrive ? letter : undefined
}

/** Removes the records of this backup that a stored one replaces, but the dead letter that it is to replace later. */
async function removeOlder(
  { requests, ref, backup }: Restoring,
  { message, place }: PlacedRecord,
  stored: MsgHdrs | undefined,
): Promise<void> {
  if (place.event === undefined) return
  const { events } = streamNames(ref)
  const { redrive } = readHistory(stored)
  const { record } = eventSubjects(eventOf(ref, place.event.name))
  for (const kind of RECORDS) {
    const subject = record(place.event.key, kind)
    if (subject === message.subject) continue
    const older = await lastMessage(requests, events, subject)
    const from = older && restoredFrom(older, backup)
    if (older === undefined || from === undefined || from.seq > message.seq || older.seq === redrive) continue
    await deleteMessage(requests, events, older.seq)
  }
}

function eventOf(ref: JobRef, event: string): EventRef {
  return { ...ref, event }
}

/**
 * Stores a page of the queue, each event unless the queue or the records know it. The records have to be restored before.
 * Safe to break off and to repeat. Throws QUEUE_UNAVAILABLE and QUEUE_FULL.
 */
export async function restoreQueued(restoring: Restoring, page: readonly StoredMessage[]): Promise<Tally> {
  const { requests, ref, dryRun } = restoring
  const { queue, events } = streamNames(ref)
  const tally = emptyTally()
  const found = await Promise.all(
    page.map(async (message) => {
      const place = placeOf(ref, 'queued', message.subject)
      const isKnown =
        place === undefined ||
        (await lastMessage(requests, events, place.state)) !== undefined ||
        (dryRun && (await lastMessage(requests, queue, message.subject)) !== undefined)
      return { message, isKnown }
    }),
  )
  const unknown = found.filter(({ isKnown }) => !isKnown)
  tally.known = found.length - unknown.length
  if (dryRun) return { ...tally, stored: unknown.length }
  await Promise.all(
    unknown.map(async ({ message: { subject, headers, data } }) => {
      const ack = await publish(requests, { subject, headers: withoutNats(headers), payload: data })
      if (!ack.stored && ack.refusal !== 'subject-taken') throwRefusal(ack)
      tally[ack.stored ? 'stored' : 'known']++
    }),
  )
  return tally
}
