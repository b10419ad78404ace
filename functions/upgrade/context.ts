import type { JetStreamManager } from '@nats-io/jetstream'

import { JobicoError } from '../process/errors.ts'
import { readPubAck, throwRefusal } from '../jetstream/publish.ts'
import type { Outgoing, Requests } from '../jetstream/requests.ts'
import { eventSubjects, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { lastMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import { oldStreamNames, oldSubjects, type OldMessage } from './old-layout.ts'

/** What moving the messages of a Job needs. */
export interface Moving {
  readonly requests: Requests
  readonly manager: JetStreamManager
  readonly ref: JobRef
  /** The output event of each event that has one; undefined if the Job is gone, so that nobody knows. */
  readonly outputs: ReadonlyMap<string, string> | undefined
  /** The time of the NATS server, in milliseconds since the epoch. */
  readonly now: () => number
  /** Called after each page, with how many messages it had. */
  readonly onMoved: (messages: number) => void
}

/**
 * Stores a record if its condition holds; false if another record of the event is the newest. Throws QUEUE_UNAVAILABLE and
 * QUEUE_FULL.
 */
export async function store({ requests }: Moving, message: Outgoing): Promise<boolean> {
  const ack = readPubAck(await requests.send(message))
  if (!ack.stored && ack.refusal !== 'wrong-sequence') throwRefusal(ack)
  return ack.stored
}

/** Acknowledges a message of 0.1.0, and with it the ones before where its consumer is set so. Throws QUEUE_UNAVAILABLE. */
export async function acknowledge({ requests }: Moving, { ackSubject }: OldMessage): Promise<void> {
  await requests.send({ subject: ackSubject, payload: '+ACK' })
}

/** The verdict of 0.1.0 on an event, if it had one. */
export function oldVerdict(
  { requests }: Moving,
  ref: EventRef,
  key: string,
): Promise<StoredMessage | undefined> {
  return readOld(requests, oldStreamNames(ref).outcomes, oldSubjects(ref).verdict(key))
}

/** Whether an event is in one of the streams of 0.1.0, or of this version. */
export async function isKnown({ requests }: Moving, ref: EventRef, key: string): Promise<boolean> {
  const [old, subjects] = [oldStreamNames(ref), oldSubjects(ref)]
  const names = streamNames(ref)
  // In the order in which an event moves, so that it is not missed while it moves.
  return (
    (await readOld(requests, old.queue, subjects.queued(key))) !== undefined ||
    (await readOld(requests, old.retry, subjects.retry(key))) !== undefined ||
    (await readOld(requests, old.outcomes, subjects.verdict(key))) !== undefined ||
    (await lastMessage(requests, names.queue, eventSubjects(ref).queued(key))) !== undefined ||
    (await lastMessage(requests, names.events, eventSubjects(ref).records(key))) !== undefined
  )
}

/** The newest message on a subject of an old stream; none if there is no such stream. */
export async function readOld(
  requests: Requests,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  try {
    return await lastMessage(requests, stream, subject)
  } catch (fault) {
    if (fault instanceof JobicoError && fault.message.includes(NO_STREAM)) return undefined
    throw fault
  }
}

const NO_STREAM = 'stream not found'
