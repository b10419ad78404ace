import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'

import { answerTo, manage } from '../jetstream/manager.ts'
import { readStream } from '../jetstream/stream-reader.ts'
import { descendantsSubject, eventSubjects, parseSubject, streamNames, type JobRef } from './names.ts'

/**
 * How many bytes each kind of record may take in a Job's stream of events. NATS can not limit them, since it could only
 * discard the oldest messages, whatever they are.
 */
export interface RoomLimits {
  /**
   * Done outcomes are deleted beyond `most`, the oldest first, until no more than `least` are left. Where the stream has
   * grown by `pause` since it was measured, that comes before more is stored.
   */
  readonly done: { readonly least: number; readonly most: number; readonly pause: number }
  readonly dead: number
  /** Retries, hand-overs and redriven dead letters; what is handed over waits when they take this much. */
  readonly waiting: number
  /**
   * All that ever comes out of one event by hand-overs. What comes out of one root may go beyond the room for `waiting`, so
   * that it ends.
   */
  readonly family: number
}

/** The limits that follow from a queue's `maxBytes`; none if that is not positive. Pure. */
export function roomLimits(maxBytes: number): RoomLimits {
  const unit = maxBytes > 0 ? maxBytes : Infinity
  return {
    done: { least: unit, most: unit * 1.25, pause: unit / 2 },
    dead: unit,
    waiting: unit * 2,
    family: unit / 2,
  }
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
export interface MeasuredMessage {
  readonly seq: number
  readonly subject: string
  readonly headers: MsgHdrs | undefined
  readonly bytes: number
}

/**
 * Measures retries, hand-overs and dead letters. Reads the headers of each, and nothing of done outcomes. `onWaiting` is
 * called with each message that waits.
 */
export async function measureUndone(
  connection: NatsConnection,
  ref: JobRef,
  onWaiting: (message: MeasuredMessage) => void = () => undefined,
): Promise<UndoneBytes> {
  const bytes = { dead: 0, waiting: 0 }
  for await (const message of measured(connection, ref, undoneSubjects(ref))) {
    const isDead = parseSubject(message.subject).kind === 'dead'
    bytes[isDead ? 'dead' : 'waiting'] += message.bytes
    if (!isDead) onWaiting(message)
  }
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

/** Yields the messages of some subjects, the oldest first, with their sizes. */
async function* measured(
  connection: NatsConnection,
  ref: JobRef,
  subjects: readonly string[],
): AsyncGenerator<MeasuredMessage, void, undefined> {
  const manager = await manage(connection)
  const options = { connection, manager, stream: streamNames(ref).events, subjects, headersOnly: true }
  for await (const page of readStream(options))
    for (const { seq, subject, headers } of page) {
      const data = Number(headers?.get(SIZE_HEADER) ?? 0)
      yield { seq, subject, headers, bytes: RECORD_OVERHEAD + subject.length + bytesOf(headers) + data }
    }
}

/** The bytes of a message's headers, without the one that JetStream adds where it leaves out the data. */
function bytesOf(fields: MsgHdrs | undefined): number {
  const lines = [...(fields ?? [])].filter(([name]) => name !== SIZE_HEADER)
  return lines.reduce((sum, [name, values]) => sum + Buffer.byteLength(name + values.join()) + 4, 12)
}
