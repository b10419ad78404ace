import type { NatsConnection } from '@nats-io/transport-node'

import { currentStateOf, type DeadLetter, type DeadLetterOptions } from './dead-letters.ts'
import { scanDeadLetters, type FoundDeadLetter } from './scan.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { allOf, answerIfThere, answerTo, manage } from '../jetstream/manager.ts'
import { eventSubjects, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import { createRateLimit } from '../process/rate-limit.ts'
import { createRetry, whyStopped, type Retry } from '../process/retry.ts'
import { expectNewest, publish, throwRefusal } from '../jetstream/publish.ts'
import { freshHeaders } from '../outcomes/kept-message.ts'
import { isClosed } from '../queues/lifecycle.ts'
import { createRequests, type Outgoing, type Requests } from '../jetstream/requests.ts'
import { createBackpressure } from '../queues/backpressure.ts'
import { messageAt, type StoredMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'

/** How to redrive. */
export interface RedriveOptions extends DeadLetterOptions {
  /** The most letters that are sent in a second. */
  readonly rate: number
  /** Sends nothing. */
  readonly dryRun?: boolean
  /** Called for each letter that was sent; in a dry run, for each that would be. */
  readonly onLetter?: (letter: DeadLetter) => void
  /** Called after each letter. */
  readonly onProgress?: (progress: RedriveProgress) => void
}

/** How far a redrive is. */
export interface RedriveProgress {
  /** Letters that were sent; in a dry run, that would be. */
  readonly sent: number
  /** Not sent, because they were redriven before and have not ended yet. */
  readonly pending: number
  /** Letters that can not be sent: they are too large for NATS, or no runner takes their event. */
  readonly refused: number
  /** The most letters that are still to be handled. */
  readonly left: number
}

/** How a redrive ended. */
export interface Redriven extends Omit<RedriveProgress, 'left'> {
  /** Why letters were refused, by key; at most ten. */
  readonly reasons: ReadonlyMap<string, string>
  /** Keys of the filter that no dead letter has. */
  readonly missing: readonly string[]
  /** Why it stopped early; undefined if it did not. */
  readonly stopped: string | undefined
}

/** How many letters are handled at a time; each takes up to NATS's max_payload of memory. */
const AT_ONCE = 32
const MOST_REASONS = 10

/**
 * Sends dead letters to their runners again, the oldest first. It deletes nothing: the next verdict of the event replaces
 * the dead one. It sends only letters that were dead at the start, each once. Safe to break off at any point and to repeat:
 * a copy is stored only while the dead letter is the newest record of its event. Throws NOT_FOUND if the Job has no streams or is deleted. If NATS is away for too long, `stopped` says so.
 */
export async function redrive(
  connection: NatsConnection,
  ref: JobRef,
  options: RedriveOptions,
): Promise<Redriven> {
  const { filter, signal } = options
  const requests = createRequests(connection)
  const persist = createRetry(options)
  const tally: Tally = {
    ...{ sent: 0, pending: 0, refused: 0, unread: 0, inFlight: 0 },
    reasons: new Map(),
    missing: new Set(filter.keys),
  }
  const context = {
    ...{ requests, ref, options, persist, tally },
    awaitTurn: createRateLimit(options.rate, signal),
    assertRoom: createBackpressure(connection, ref),
  }
  let stopped: string | undefined
  try {
    const servedEvents = await persist(() => servedEventsOf(connection, ref))
    const letters = scanDeadLetters(connection, ref, { filter, persist })
    await forEachConcurrently(letters, AT_ONCE, (found) => handle({ ...context, servedEvents }, found))
  } catch (fault) {
    stopped = whyStopped(fault, signal)
  } finally {
    requests.close()
  }
  const { sent, pending, refused, reasons, missing } = tally
  return { sent, pending, refused, reasons, missing: stopped === undefined ? [...missing] : [], stopped }
}

interface Tally {
  sent: number
  pending: number
  refused: number
  /** Letters that the scan has not given yet. */
  unread: number
  inFlight: number
  readonly reasons: Map<string, string>
  readonly missing: Set<string>
}

interface RedriveContext {
  readonly requests: Requests
  readonly ref: JobRef
  readonly options: RedriveOptions
  readonly persist: Retry
  readonly awaitTurn: () => Promise<void>
  /** Throws QUEUE_FULL while the retries have no room. */
  readonly assertRoom: () => Promise<void>
  readonly tally: Tally
  /** The events that have a consumer. */
  readonly servedEvents: ReadonlySet<string>
}

/** The events of the Job that have a consumer. Throws NOT_FOUND if the Job has no streams or is deleted. */
async function servedEventsOf(connection: NatsConnection, ref: JobRef): Promise<ReadonlySet<string>> {
  const manager = await manage(connection)
  const { queue, events } = streamNames(ref)
  const info = await answerIfThere(manager.streams.info(queue))
  if (info === undefined) throw queueNotFound(ref)
  if (isClosed(info, ref))
    throw new JobicoError(
      'NOT_FOUND',
      `the Job ${ref.job} of the namespace ${ref.namespace} is deleted, so nothing would run its dead letters; create it again first`,
    )
  const consumers = await answerTo(allOf(manager.consumers.list(events)))
  return new Set(consumers.map(({ name }) => name))
}

async function handle(context: RedriveContext, found: FoundDeadLetter): Promise<void> {
  const { options, tally } = context
  const { letter, left } = found
  tally.unread = left
  tally.inFlight++
  const result = await redriveOne(context, found)
  tally.inFlight--
  if (result !== 'leftover') {
    tally[result]++
    tally.missing.delete(letter.key)
  }
  if (result === 'sent') options.onLetter?.(letter)
  const { sent, pending, refused, unread, inFlight } = tally
  options.onProgress?.({ sent, pending, refused, left: unread + inFlight })
}

type LetterResult = 'sent' | 'pending' | 'refused' | 'leftover'

async function redriveOne(context: RedriveContext, { letter, seq }: FoundDeadLetter): Promise<LetterResult> {
  const { requests, options, persist, servedEvents } = context
  const ref = { ...context.ref, event: letter.event }
  const current = await persist(() => currentStateOf(requests, ref, { key: letter.key, seq }))
  if (current.kind !== 'dead') return current.kind
  if (!servedEvents.has(letter.event))
    return refuse(context, letter, `no runner takes the event ${letter.event}; add it to the Job again`)
  if (options.dryRun) return 'sent'
  await context.awaitTurn()
  const body = await persist(() => messageAt(requests, streamNames(ref).events, seq))
  if (body === undefined) return 'leftover'
  return await send(context, letter, { ...body, seq })
}

async function send(context: RedriveContext, letter: DeadLetter, body: StoredMessage): Promise<LetterResult> {
  const ref = { ...context.ref, event: letter.event }
  try {
    await context.persist(context.assertRoom)
    return await context.persist(async (tries) => {
      const ack = await publish(context.requests, redrivenCopy(ref, letter.key, body))
      if (ack.stored) return 'sent'
      if (ack.refusal !== 'wrong-sequence') throwRefusal(ack)
      const current = await currentStateOf(context.requests, ref, { key: letter.key, seq: body.seq })
      if (current.kind === 'dead') throwRefusal(ack)
      // An earlier try that got no answer may have been stored.
      return current.kind === 'pending' && tries > 1 ? 'sent' : current.kind
    })
  } catch (fault) {
    if (!(fault instanceof JobicoError) || fault.code !== 'TOO_LARGE') throw fault
    return refuse(context, letter, messageOf(fault))
  }
}

function refuse({ tally: { reasons } }: RedriveContext, { key }: DeadLetter, reason: string): 'refused' {
  if (reasons.size < MOST_REASONS) reasons.set(key, reason)
  return 'refused'
}

/**
 * The message that redrives a dead letter: the event's message with its lineage, as it came, whether or not this version can
 * read it. It is to be stored only while the dead letter is the newest record of the event. Pure.
 */
export function redrivenCopy(
  ref: EventRef,
  key: string,
  { headers, data, seq }: Pick<StoredMessage, 'headers' | 'data' | 'seq'>,
): Outgoing {
  const subjects = eventSubjects(ref)
  const fields = freshHeaders(headers)
  fields.set(JOBICO_HEADERS.redrive, String(seq))
  expectNewest(fields, subjects.records(key), seq)
  return { subject: subjects.record(key, 'due'), headers: fields, payload: data }
}
