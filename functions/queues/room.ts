import { jetstream } from '@nats-io/jetstream'
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'

import { answerTo, JETSTREAM_OPTIONS, manage } from '../jetstream/manager.ts'
import { descendantsSubject, eventSubjects, parseSubject, streamNames, type JobRef } from './names.ts'

/**
 * How many bytes each kind of record may take in a Job's stream of events. NATS can not limit them, since it could only
 * discard the oldest messages, whatever they are.
 */
export interface RoomLimits {
  /** Done outcomes are deleted beyond `most`, the oldest first, until no more than `least` are left. */
  readonly done: { readonly least: number; readonly most: number }
  readonly dead: number
  /** Retries, hand-overs and redriven dead letters; what is handed over waits when they take this much. */
  readonly waiting: number
  /**
   * All that ever comes out of one event by hand-overs. Less than any other room, so that events that emit to each other end
   * as dead letters, which then have room, before they all wait for room that only they could free.
   */
  readonly family: number
}

/** The limits that follow from a queue's `maxBytes`; none if that is not positive. Pure. */
export function roomLimits(maxBytes: number): RoomLimits {
  const unit = maxBytes > 0 ? maxBytes : Infinity
  return { done: { least: unit, most: unit * 1.25 }, dead: unit, waiting: unit * 2, family: unit / 2 }
}

/** The most bytes that a Job comes to store, as a multiple of its queue's `maxBytes`: the queue itself, and roomLimits. */
export const STORED_PER_MAX_BYTES = 6

/** Bytes of the records that are no done outcomes. */
export interface UndoneBytes {
  readonly dead: number
  readonly waiting: number
}

/** The bytes that a message takes in a stream's file, beside subject, headers and data (filestore of nats-server). */
const RECORD_OVERHEAD = 34

/** What is known of a message that was read without its data. */
interface MeasuredMessage {
  readonly seq: number
  readonly subject: string
  readonly bytes: number
}

/** Measures retries, hand-overs and dead letters. Reads the headers of each, and nothing of done outcomes. */
export async function measureUndone(connection: NatsConnection, ref: JobRef): Promise<UndoneBytes> {
  const bytes = { dead: 0, waiting: 0 }
  for await (const message of measured(connection, ref, undoneSubjects(ref)))
    bytes[parseSubject(message.subject).kind === 'dead' ? 'dead' : 'waiting'] += message.bytes
  return bytes
}

/** Done outcomes that can be deleted, the oldest ones. */
export interface Excess {
  /** The sequence of the last one; 0 if there is none. */
  readonly last: number
  readonly bytes: number
}

/** The most outcomes that are deleted at a time, because nothing else is stored meanwhile. */
const MAX_DELETED = 10_000

/** Finds the oldest done outcomes that can be deleted to free bytes, at most `excess` bytes. */
export async function findExcess(connection: NatsConnection, ref: JobRef, excess: number): Promise<Excess> {
  let [bytes, last, count] = [0, 0, 0]
  for await (const message of measured(connection, ref, rollingSubjects(ref))) {
    if (bytes + message.bytes > excess || ++count > MAX_DELETED) break
    bytes += message.bytes
    last = message.seq
  }
  return { last, bytes }
}

/** Deletes the done outcomes of a Job, and counts of descendants, up to a sequence. Throws QUEUE_UNAVAILABLE. */
export async function deleteDone(connection: NatsConnection, ref: JobRef, last: number): Promise<void> {
  const { streams } = await manage(connection)
  for (const filter of rollingSubjects(ref))
    await answerTo(streams.purge(streamNames(ref).events, { filter, seq: last + 1 }))
}

/** What is deleted beyond its room, the oldest first: done outcomes, and counts of descendants that have not grown lately. */
function rollingSubjects(ref: JobRef): readonly string[] {
  return [eventSubjects({ ...ref, event: '*' }).record('*', 'done'), descendantsSubject(ref, '*')]
}

function undoneSubjects(ref: JobRef): readonly string[] {
  const { record } = eventSubjects({ ...ref, event: '*' })
  return [record('*', 'later'), record('*', 'due'), record('*', 'dead')]
}

const SIZE_HEADER = 'Nats-Msg-Size'
const PAGE = 1_000
const PAGE_MS = 5_000

/** Yields the messages of some subjects, the oldest first, as far as they are stored at the start. */
async function* measured(
  connection: NatsConnection,
  ref: JobRef,
  subjects: readonly string[],
): AsyncGenerator<MeasuredMessage, void, undefined> {
  const { consumers } = jetstream(connection, JETSTREAM_OPTIONS)
  const options = { filter_subjects: [...subjects], headers_only: true }
  const consumer = await answerTo(consumers.get(streamNames(ref).events, options))
  try {
    let { num_pending: left } = await answerTo(consumer.info())
    while (left > 0) {
      const page = await answerTo(consumer.fetch({ max_messages: Math.min(PAGE, left), expires: PAGE_MS }))
      let read = 0
      for await (const { seq, subject, headers, info } of page) {
        read++
        const data = Number(headers?.get(SIZE_HEADER) ?? 0)
        yield { seq, subject, bytes: RECORD_OVERHEAD + subject.length + bytesOf(headers) + data }
        left = Math.min(left - 1, info.pending)
      }
      if (read === 0) return
    }
  } finally {
    consumer.delete().catch(() => undefined)
  }
}

/** The bytes of a message's headers, without the one that JetStream adds where it leaves out the data. */
function bytesOf(fields: MsgHdrs | undefined): number {
  const lines = [...(fields ?? [])].filter(([name]) => name !== SIZE_HEADER)
  return lines.reduce((sum, [name, values]) => sum + Buffer.byteLength(name + values.join()) + 4, 12)
}
