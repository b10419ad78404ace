import { setTimeout as delay } from 'node:timers/promises'

import { jetstream, type JsMsg } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerIfThere, answerTo, JETSTREAM_OPTIONS, manage } from '../jetstream/manager.ts'
import { eventSubjects, parseSubject, streamNames, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import { verdictOfMessage, type Verdict } from './verdict.ts'

/** How an event ended, as the stream of events holds it. */
export interface Outcome {
  readonly event: string
  readonly key: string
  readonly verdict: Verdict
  readonly seq: number
}

/** What to follow, and until when. */
export interface FollowOptions {
  /** One event; by default all events of the Job. */
  readonly event?: string
  /** True, the default, gives outcomes from now on only; false gives those that are stored, too. */
  readonly fromNow?: boolean
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal
}

const ALL_FROM_NOW = { event: '*', fromNow: true, signal: new AbortController().signal }
const RETRY_MS = 250
/** A consumer that is silent for two of these is lost. */
const HEARTBEAT_MS = 5_000
const PULL = {
  max_messages: 500,
  expires: 30_000,
  idle_heartbeat: HEARTBEAT_MS,
  abort_on_missing_resource: true,
}

/**
 * Yields the outcomes of a Job in the order in which they are stored. It goes on after a loss of the connection, ends when
 * the connection is closed, and needs no running pod. Throws NOT_FOUND if the Job has no streams, also if they are deleted
 * later, and QUEUE_UNAVAILABLE if NATS does not answer at the start.
 */
export async function* followOutcomes(
  connection: NatsConnection,
  ref: JobRef,
  options: FollowOptions = {},
): AsyncGenerator<Outcome, void, undefined> {
  const { event, fromNow, signal } = { ...ALL_FROM_NOW, ...options }
  const { record } = eventSubjects({ ...ref, event })
  const subjects = [record('*', 'done'), record('*', 'dead')]
  const last = await lastSequence(connection, ref)
  let next = fromNow ? last + 1 : 1
  while (!signal.aborted && !connection.isClosed()) {
    try {
      // A stream that was deleted and created again counts from 1.
      next = Math.min(next, (await lastSequence(connection, ref)) + 1)
      for await (const message of messagesFrom(connection, { ref, subjects, next, signal })) {
        next = message.seq + 1
        yield* outcomesIn(message)
      }
    } catch (thrown) {
      if (thrown instanceof JobicoError && thrown.code === 'NOT_FOUND') throw thrown
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** The last sequence of a Job's stream of events. Throws NOT_FOUND if the Job has no streams, and QUEUE_UNAVAILABLE. */
export async function lastSequence(connection: NatsConnection, ref: JobRef): Promise<number> {
  const manager = await manage(connection)
  const info = await answerIfThere(manager.streams.info(streamNames(ref).events))
  if (info === undefined) throw queueNotFound(ref)
  return info.state.last_seq
}

interface ConsumeOptions {
  readonly ref: JobRef
  readonly subjects: readonly string[]
  /** The sequence to start at. */
  readonly next: number
  readonly signal: AbortSignal
}

/** Yields messages as they come, until the consumer is lost, for example because the server restarted. */
async function* messagesFrom(
  connection: NatsConnection,
  { ref, subjects, next, signal }: ConsumeOptions,
): AsyncGenerator<JsMsg, void, undefined> {
  const client = jetstream(connection, JETSTREAM_OPTIONS)
  const options = { filter_subjects: [...subjects], opt_start_seq: next }
  const consumer = await answerTo(client.consumers.get(streamNames(ref).events, options))
  const messages = await consumer.consume(PULL)
  const stop = () => messages.stop()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    yield* messages
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
    consumer.delete().catch(() => undefined)
  }
}

/** The outcome in a message; none if the message is no verdict, since then no runner has written it. */
function outcomesIn({ subject, seq, headers, data }: JsMsg): readonly Outcome[] {
  try {
    const { event, key } = parseSubject(subject)
    return [{ event, key, verdict: verdictOfMessage({ headers, data }), seq }]
  } catch {
    return []
  }
}
