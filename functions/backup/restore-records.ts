import type { Outgoing, Requests } from '../jetstream/requests.ts'
import { ownHeaders } from '../jetstream/copied-headers.ts'
import { expectNewest, publish, type PubAck } from '../jetstream/publish.ts'
import { deleteOlder, lastMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import { readHistory } from '../outcomes/history.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { JobicoError } from '../process/errors.ts'
import { eventSubjects, parseSubject, streamNames, type JobRef } from '../queues/names.ts'
import {
  lifetimeOf,
  placeOf,
  replacedSubjects,
  restoredHeaders,
  restoredSeq,
  type Lifetime,
  type Place,
} from './restored.ts'

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
  /** Called with the sequence of each outcome that is to be deleted when the Job is restored, because its time is over. */
  readonly onOver: (seq: number) => void
}

/** What became of a message of a backup: NATS has it now, knew the event already, or its time to live is over. */
export type Fate = 'stored' | 'known' | 'expired'

/** How many messages of each fate. */
export type Tally = Readonly<Record<Fate, number>>

/** A record of a backup that is to be stored. */
interface DueRecord {
  readonly message: StoredMessage
  readonly place: Place
  readonly lifetime: Lifetime
}

const AT_ONCE = 64

/**
 * Stores a page of records, each unless its event has a newer one. Safe to break off and to repeat. Throws QUEUE_UNAVAILABLE
 * and QUEUE_FULL.
 */
export async function restoreRecords(restoring: Restoring, page: readonly StoredMessage[]): Promise<Tally> {
  const { ref, now, started, dryRun } = restoring
  const tally = emptyTally()
  const refused: DueRecord[] = []
  // In the order of the page: requests of one connection arrive in the order in which they are sent.
  await Promise.all(
    page.map(async (message) => {
      const place = placeOf(ref, 'record', message.subject)
      const lifetime = lifetimeOf(message, { now: now(), started })
      if (place === undefined || lifetime === undefined) tally.expired++
      else {
        const record = { message, place, lifetime }
        if (!dryRun && (await store(restoring, record, undefined)) !== undefined) tally[fateOf(record)]++
        else refused.push(record)
      }
    }),
  )
  // An event may have several records in a page; of those, the order counts.
  const byState = Map.groupBy(refused, ({ place }) => place.state)
  await forEachConcurrently(byState.values(), AT_ONCE, async (records) => {
    records.sort((a, b) => a.message.seq - b.message.seq)
    for (const record of records) tally[await storeUnlessNewer(restoring, record)]++
  })
  return tally
}

function emptyTally(): Record<Fate, number> {
  return { stored: 0, known: 0, expired: 0 }
}

/** The fate of a record that was stored. */
function fateOf({ lifetime }: DueRecord): Fate {
  return lifetime.isOver ? 'expired' : 'stored'
}

/** Stores a record if the newest one of its event is still that one, if any; gives its sequence then. */
async function store(
  restoring: Restoring,
  { message, place, lifetime }: DueRecord,
  newest: StoredMessage | undefined,
): Promise<number | undefined> {
  const { backup, onOver } = restoring
  const redrive = newest && (await letterOf(restoring, message, place))
  const headers = restoredHeaders({ message, lifetime, backup, redrive })
  expectNewest(headers, place.state, newest?.seq ?? 0)
  const seq = await publishUnless('wrong-sequence', restoring, {
    ...{ subject: message.subject, headers, payload: message.data },
  })
  if (seq !== undefined && lifetime.isOver) onOver(seq)
  return seq
}

/**
 * Stores a record whose event has one. That gives way if it is an older one of the same backup, which nothing has replaced
 * since: a backup of a running Job has several states of an event that moved meanwhile.
 */
async function storeUnlessNewer(restoring: Restoring, record: DueRecord): Promise<Fate> {
  const { requests, ref, backup, dryRun } = restoring
  const { message, place } = record
  for (;;) {
    const newest = await lastMessage(requests, streamNames(ref).events, place.state)
    if (newest !== undefined && stands(newest, message, backup)) {
      if (!dryRun) await settleKnown(restoring, record, newest)
      return 'known'
    }
    if (dryRun) return fateOf(record)
    const seq = await store(restoring, record, newest)
    if (seq === undefined) continue
    if (newest !== undefined) await removeReplaced(restoring, place, { subject: message.subject, seq })
    return fateOf(record)
  }
}

/** Whether the newest record of an event does not give way to one of the backup. */
function stands(newest: StoredMessage, { seq, headers }: StoredMessage, backup: string): boolean {
  const restored = restoredSeq(newest, backup)
  if (restored === undefined || restored >= seq) return true
  const { suspect, redrive } = readHistory(headers)
  const { kind } = parseSubject(newest.subject)
  // A runner died after it had stored the outcome, and left the record that it had made before it ran the event.
  return suspect && (kind === 'done' || kind === 'dead') && restored !== redrive
}

/** Does for a record that is not stored what a restore that was broken off may have left to do. */
async function settleKnown(
  restoring: Restoring,
  { message, place, lifetime }: DueRecord,
  newest: StoredMessage,
): Promise<void> {
  if (restoredSeq(newest, restoring.backup) !== message.seq) await removeReplaced(restoring, place, newest)
  else if (lifetime.isOver) restoring.onOver(newest.seq)
}

/** The sequence of the dead letter of a redriven event, where this backup's was restored. */
async function letterOf(
  { requests, ref, backup }: Restoring,
  { headers }: StoredMessage,
  { event }: Place,
): Promise<number | undefined> {
  const { redrive } = readHistory(headers)
  if (redrive === undefined || event === undefined) return undefined
  const subject = eventSubjects({ ...ref, event: event.name }).record(event.key, 'dead')
  const letter = await lastMessage(requests, streamNames(ref).events, subject)
  return letter && restoredSeq(letter, backup) === redrive ? letter.seq : undefined
}

async function removeReplaced(
  { requests, ref }: Restoring,
  place: Place,
  { subject, seq }: Pick<StoredMessage, 'subject' | 'seq'>,
): Promise<void> {
  for (const replaced of replacedSubjects(ref, place, subject))
    await deleteOlder(requests, streamNames(ref).events, replaced, seq)
}

/**
 * Stores a page of the queue, each event unless the queue or the records know it. The records have to be restored before.
 * Safe to break off and to repeat. Throws QUEUE_UNAVAILABLE and QUEUE_FULL.
 */
export async function restoreQueued(restoring: Restoring, page: readonly StoredMessage[]): Promise<Tally> {
  const { requests, ref, dryRun } = restoring
  const { queue, events } = streamNames(ref)
  const tally = emptyTally()
  const isKnown = async ({ subject }: StoredMessage) => {
    const place = placeOf(ref, 'queued', subject)
    return (
      place === undefined ||
      (await lastMessage(requests, events, place.state)) !== undefined ||
      (dryRun && (await lastMessage(requests, queue, subject)) !== undefined)
    )
  }
  const found = await Promise.all(
    page.map(async (message) => ({ message, fate: (await isKnown(message)) ? 'known' : 'stored' }) as const),
  )
  // All are looked up before the first is published, so that the queue keeps its order.
  await Promise.all(
    found.map(async ({ message: { subject, headers, data }, fate }) => {
      const outgoing = { subject, headers: ownHeaders(headers), payload: data }
      const isRefused =
        fate === 'stored' &&
        !dryRun &&
        (await publishUnless('subject-taken', restoring, outgoing)) === undefined
      tally[isRefused ? 'known' : fate]++
    }),
  )
  return tally
}

/** Publishes a message; undefined if JetStream refuses it for that reason. Throws QUEUE_UNAVAILABLE and QUEUE_FULL. */
async function publishUnless(
  expected: 'wrong-sequence' | 'subject-taken',
  { requests, ref }: Restoring,
  message: Outgoing,
): Promise<number | undefined> {
  const ack = await publish(requests, message)
  if (ack.stored) return ack.seq
  if (ack.refusal === expected) return undefined
  throw refused(ref, ack)
}

function refused({ job }: JobRef, { refusal, description }: Extract<PubAck, { stored: false }>): JobicoError {
  return refusal === 'full'
    ? new JobicoError(
        'QUEUE_FULL',
        `NATS has no room for the events of the Job ${job} (${description}); raise its \`spec.queue.maxBytes\`, or give NATS more storage`,
      )
    : new JobicoError(
        'QUEUE_UNAVAILABLE',
        `NATS does not store the events of the Job ${job} (${description})`,
      )
}
