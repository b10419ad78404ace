import type { NatsConnection } from '@nats-io/transport-node'

import { eventHeaders, eventOfMessage } from '../cloudevents/nats-binding.ts'
import { currentStateOf, type DeadLetter, type DeadLetterOptions } from './dead-letters.ts'
import { scanDeadLetters, type FoundDeadLetter } from './scan.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { allOf, answerIfThere, answerTo, manage } from '../jetstream/manager.ts'
import { eventSubjects, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import { createRateLimit } from '../process/rate-limit.ts'
import { createRetry, whyStopped, type Retry } from '../process/retry.ts'
import { publish, throwRefusal } from '../jetstream/publish.ts'
import { isClosed } from '../queues/lifecycle.ts'
import { createRequests, type Outgoing, type Requests } from '../jetstream/requests.ts'
import { createBackpressure } from '../queues/backpressure.ts'
import { messageAt, type StoredMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'

/** How to redrive. */
export interface RedriveOptions extends DeadLetterOptions {
  /** The most that are sent in a second. */
  readonly rate: number
  /** Sends nothing. */
  readonly dryRun?: boolean
  /** Hears of each letter that was sent, or that would be. */
  readonly onLetter?: (letter: DeadLetter) => void
  /** Hears how far it is, after each letter. */
  readonly onProgress?: (so: RedriveProgress) => void
}

/** How far a redrive is. */
export interface RedriveProgress {
  /** Sent, or those that would be. */
  readonly sent: number
  /** Left alone, since they were redriven before and have not ended yet. */
  readonly pending: number
  /** Not to be sent, whatever is done: too large for NATS, or of an event that no runner takes. */
  readonly refused: number
  /** How many are not through yet, at most. */
  readonly left: number
}

/** How a redrive ended. */
export interface Redriven extends Omit<RedriveProgress, 'left'> {
  /** Why the first ones were refused, by key. */
  readonly reasons: ReadonlyMap<string, string>
  /** Keys of the filter that no dead letter has. */
  readonly missing: readonly string[]
  /** Why it ended before it was through; undefined when it was. */
  readonly stopped: string | undefined
}

/** How many letters are looked at and sent at a time; each is at most as large as NATS takes a message. */
const AT_ONCE = 32
const MOST_REASONS = 10

/**
 * Sends dead letters to their runners again, the oldest first, and deletes nothing: the verdict that follows replaces the
 * dead one. Only what was dead at the start is sent, and once. Safe to break off at any point and to do again: what was sent
 * is known by its id, or found among the retries, or not run since its verdict has moved on. Throws NOT_FOUND when the Job
 * has no streams or is deleted; that NATS was away for too long is in what it gives.
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
    ...{ sent: 0, pending: 0, refused: 0, ahead: 0, inHand: 0 },
    reasons: new Map(),
    missing: new Set(filter.keys),
  }
  const scene = {
    ...{ requests, ref, options, persist, tally },
    pace: createRateLimit(options.rate, signal),
    brake: createBackpressure(connection, ref),
  }
  let stopped: string | undefined
  try {
    const receivers = await persist(() => receiversOf(connection, ref))
    const letters = scanDeadLetters(connection, ref, { filter, persist })
    await forEachConcurrently(letters, AT_ONCE, (found) => handle({ ...scene, receivers }, found))
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
  /** Not looked at yet. */
  ahead: number
  inHand: number
  readonly reasons: Map<string, string>
  readonly missing: Set<string>
}

interface Scene {
  readonly requests: Requests
  readonly ref: JobRef
  readonly options: RedriveOptions
  readonly persist: Retry
  readonly pace: () => Promise<void>
  /** Throws while the retries have no room. */
  readonly brake: () => Promise<void>
  readonly tally: Tally
  /** The events that have a consumer. */
  readonly receivers: ReadonlySet<string>
}

/** The events whose redriven copies somebody takes. Throws NOT_FOUND when the Job is not there, or no longer. */
async function receiversOf(connection: NatsConnection, ref: JobRef): Promise<ReadonlySet<string>> {
  const manager = await manage(connection)
  const { queue, retry } = streamNames(ref)
  const info = await answerIfThere(manager.streams.info(queue))
  if (info === undefined) throw queueNotFound(ref)
  if (isClosed(info, ref))
    throw new JobicoError(
      'NOT_FOUND',
      `the Job ${ref.job} of the namespace ${ref.namespace} is deleted, so nothing would run its dead letters; bring it there again first`,
    )
  const consumers = await answerTo(allOf(manager.consumers.list(retry)))
  return new Set(consumers.map(({ name }) => name))
}

async function handle(scene: Scene, found: FoundDeadLetter): Promise<void> {
  const { options, tally } = scene
  const { letter, left } = found
  tally.ahead = left
  tally.inHand++
  const outcome = await redriveOne(scene, found)
  tally.inHand--
  if (outcome !== 'over') {
    tally[outcome]++
    tally.missing.delete(letter.key)
  }
  if (outcome === 'sent') options.onLetter?.(letter)
  const { sent, pending, refused, ahead, inHand } = tally
  options.onProgress?.({ sent, pending, refused, left: ahead + inHand })
}

type Handled = 'sent' | 'pending' | 'refused' | 'over'

async function redriveOne(scene: Scene, { letter, seq }: FoundDeadLetter): Promise<Handled> {
  const { requests, options, persist, receivers } = scene
  const ref = { ...scene.ref, event: letter.event }
  const standing = await persist(() => currentStateOf(requests, ref, { key: letter.key, seq }))
  if (standing.kind !== 'dead') return standing.kind
  if (!receivers.has(letter.event))
    return refuse(scene, letter, `no runner takes the event ${letter.event}; add it to the Job again`)
  if (options.dryRun) return 'sent'
  await scene.pace()
  const body = await persist(() => messageAt(requests, streamNames(ref).outcomes, seq))
  if (body === undefined) return 'over'
  const copy = redrivenCopy(ref, letter.key, body, standing.verdict)
  return await send(scene, letter, copy)
}

async function send(scene: Scene, letter: DeadLetter, copy: Outgoing): Promise<Handled> {
  try {
    await scene.persist(scene.brake)
    return await scene.persist(async (tries) => {
      const ack = await publish(scene.requests, copy)
      if (!ack.stored) throwRefusal(ack)
      // A try that got no answer may have been stored.
      return ack.duplicate && tries === 1 ? 'pending' : 'sent'
    })
  } catch (fault) {
    if (!(fault instanceof JobicoError) || fault.code !== 'TOO_LARGE') throw fault
    return refuse(scene, letter, messageOf(fault))
  }
}

function refuse({ tally: { reasons } }: Scene, { key }: DeadLetter, reason: string): 'refused' {
  if (reasons.size < MOST_REASONS) reasons.set(key, reason)
  return 'refused'
}

/** The event of a dead letter as it was, to be run in place of the dead verdict of that sequence. Pure. */
export function redrivenCopy(
  ref: EventRef,
  key: string,
  { headers, data }: Pick<StoredMessage, 'headers' | 'data'>,
  verdict: number,
): Outgoing {
  const fields = eventHeaders(eventOfMessage(headers, data))
  fields.set('Nats-Msg-Id', `redrive.${ref.event}.${key}.${verdict}`)
  fields.set(JOBICO_HEADERS.redrive, String(verdict))
  return { subject: eventSubjects(ref).due(key), headers: fields, payload: data }
}
