import { jetstream, type Consumer, type JetStreamManager, type JsMsg } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { eventOfMessage } from './cloudevent-nats.ts'
import { JobicoError, type ErrorCode } from './errors.ts'
import { answerIfThere, answerTo, JETSTREAM_OPTIONS, manage, noQueue } from './manager.ts'
import { eventSubjects, placeOf, streamNames, type JobRef } from './names.ts'
import { JOBICO_HEADERS, verdictOfMessage } from './verdict.ts'

/** An event that ended as a dead letter, without its data. */
export interface DeadLetter {
  readonly event: string
  readonly key: string
  readonly code: ErrorCode
  readonly reason: string
  readonly attempts: number
  /** When the verdict was made, RFC 3339. */
  readonly time: string
  /** Digest of the module that ran. */
  readonly module: string
  /** Attributes of the CloudEvent. */
  readonly id: string
  readonly source: string
  readonly type: string
}

/** Dead letters, the newest first. */
export interface DeadLetters {
  readonly letters: readonly DeadLetter[]
  /** How many there are, beyond the limit too. */
  readonly total: number
}

/** Which dead letters, and how many of them at most. */
export interface DeadLetterQuery {
  readonly event?: string
  readonly limit: number
}

/** Takes no longer, however many there are. */
const LIST_MS = 60_000

/**
 * The newest dead letters of a Job: events whose verdict is dead right now. Throws NOT_FOUND when the Job has no streams,
 * and QUEUE_UNAVAILABLE.
 */
export async function listDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  { event = '*', limit }: DeadLetterQuery,
): Promise<DeadLetters> {
  const manager = await manage(connection)
  const filter = eventSubjects({ ...ref, event }).deadBody('*')
  const consumer = await bodiesOf(connection, ref, filter)
  try {
    const { num_pending: total } = await consumer.info(true)
    const newest = await readNewest(consumer, total, limit)
    const isDead = await Promise.all(newest.map((body) => hasDeadVerdict(manager, ref, body)))
    const dead = newest.filter((_, at) => isDead[at])
    const letters = dead.map(letterOf).filter((letter) => letter !== undefined)
    return { letters: letters.reverse(), total: total - (newest.length - dead.length) }
  } finally {
    consumer.delete().catch(() => undefined)
  }
}

/** A reader of the bodies of dead letters, in the order in which they were stored, without their data. */
async function bodiesOf(connection: NatsConnection, ref: JobRef, filter: string): Promise<Consumer> {
  const { consumers } = jetstream(connection, JETSTREAM_OPTIONS)
  const options = { filter_subjects: filter, headers_only: true }
  const consumer = await answerIfThere(consumers.get(streamNames(ref).outcomes, options))
  if (consumer === undefined) throw noQueue(ref)
  return consumer
}

/** JetStream gives messages from the oldest on only, so all go by, and the last are kept. */
async function readNewest(consumer: Consumer, total: number, limit: number): Promise<readonly JsMsg[]> {
  if (total === 0) return []
  const newest: JsMsg[] = []
  const messages = await consumer.fetch({ max_messages: total, expires: LIST_MS })
  const timer = setTimeout(() => messages.stop(), LIST_MS)
  try {
    for await (const message of messages) {
      newest.push(message)
      if (newest.length >= 2 * limit) newest.splice(0, newest.length - limit)
      if (message.info.pending === 0) return newest.slice(-limit)
    }
  } finally {
    clearTimeout(timer)
  }
  throw new JobicoError('QUEUE_UNAVAILABLE', 'NATS did not give all dead letters in time; try again')
}

/** A redrive leaves the body where it is, also when the event then ends as done. */
async function hasDeadVerdict(manager: JetStreamManager, ref: JobRef, { subject }: JsMsg): Promise<boolean> {
  const { event, key } = placeOf(subject)
  const query = { last_by_subj: eventSubjects({ ...ref, event }).verdict(key) }
  const verdict = await answerTo(manager.streams.getMessage(streamNames(ref).outcomes, query))
  return verdict?.header.get(JOBICO_HEADERS.verdict) === 'dead'
}

/** What a body says of itself; undefined for what no runner has written. */
function letterOf({ subject, headers, data }: JsMsg): DeadLetter | undefined {
  try {
    const verdict = verdictOfMessage({ headers, data })
    const { id, source, type } = eventOfMessage(headers, data).attributes
    if (verdict.kind !== 'dead') return undefined
    const { code, reason, attempts, time, module } = verdict
    return { ...placeOf(subject), code, reason, attempts, time, module, id, source, type }
  } catch {
    return undefined
  }
}
