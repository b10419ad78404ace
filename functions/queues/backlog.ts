import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { allOf, answerIfThere, manage, subjectsIn } from '../jetstream/manager.ts'
import { eventSubjects, parseSubject, streamNames, type JobRef } from './names.ts'
import type { StorageUsage } from './storage-usage.ts'

/** How much waits, in messages. */
export interface EventBacklog {
  /** In the queue and among the retries. */
  readonly pending: number
  /** Dead letters. */
  readonly dead: number
}

/** How much of a Job waits, in all and by event. */
export interface Backlog extends EventBacklog {
  readonly events: ReadonlyMap<string, EventBacklog>
  /** When the queue was made, RFC 3339. */
  readonly created: string
  /** The state of the outcome stream when the dead letters were counted. */
  readonly outcomes: string
  /** Storage usage of the outcome stream. */
  readonly usage: StorageUsage
}

/** Numbers of messages by event. */
export type Counts = ReadonlyMap<string, number>

/**
 * Counts what waits in a Job; undefined if one of its streams is missing. Cheap enough to call every ten seconds, and
 * cheaper with the last answer as `previous`. Throws QUEUE_UNAVAILABLE.
 */
export async function readBacklog(
  connection: NatsConnection,
  ref: JobRef,
  previous?: Backlog,
): Promise<Backlog | undefined> {
  const manager = await manage(connection)
  const names = streamNames(ref)
  const [queue, retry, outcomes] = await Promise.all([
    waitingIn(manager, names.queue),
    waitingIn(manager, names.retry),
    answerIfThere(manager.streams.info(names.outcomes)),
  ])
  if (queue === undefined || retry === undefined || outcomes === undefined) return undefined
  const later = await waitingForLater(manager, ref, retry)
  const mark = stateMark(outcomes)
  const dead =
    previous?.outcomes === mark
      ? new Map([...previous.events].map(([event, counts]) => [event, counts.dead]))
      : await deadLetters(manager, ref)
  const events = new Set([queue.byEvent, retry.byEvent, later, dead].flatMap((counts) => [...counts.keys()]))
  const of = (counts: Counts, event: string) => counts.get(event) ?? 0
  return {
    pending: queue.messages + retry.messages,
    dead: sum(dead),
    events: new Map(
      [...events].sort().map((event) => [
        event,
        {
          pending: of(queue.byEvent, event) + of(retry.byEvent, event) + of(later, event),
          dead: of(dead, event),
        },
      ]),
    ),
    created: queue.created,
    outcomes: mark,
    usage: { bytes: outcomes.state.bytes, maxBytes: outcomes.config.max_bytes },
  }
}

/**
 * Whether the queue or the retries, due or not, hold anything of an event; false if the streams do not exist. Throws
 * QUEUE_UNAVAILABLE.
 */
export async function hasBacklog(connection: NatsConnection, ref: JobRef, event: string): Promise<boolean> {
  const manager = await manage(connection)
  const names = streamNames(ref)
  const subjects = eventSubjects({ ...ref, event })
  const isIn = async (stream: string, subject: string) => {
    const last = await answerIfThere(manager.streams.getMessage(stream, { last_by_subj: subject }))
    return last !== undefined && last !== null
  }
  // In the order in which an event moves, so that it is not missed while it moves.
  return (await isIn(names.queue, subjects.queued('*'))) || (await isIn(names.retry, subjects.retry('*')))
}

/** Counts dead letters by event. The cost grows with the dead letters only, whatever else the stream holds. */
export async function deadLetters(manager: JetStreamManager, ref: JobRef): Promise<Counts> {
  const bodies = eventSubjects({ ...ref, event: '*' }).deadBody('*')
  return await countSubjects(manager, streamNames(ref).outcomes, bodies)
}

interface Waiting {
  /** When the stream was made, RFC 3339. */
  readonly created: string
  readonly messages: number
  /** Messages that the consumers have not delivered, or that are not acknowledged yet. */
  readonly byEvent: Counts
}

/** Counts what waits in a work queue. The consumers know their counts, so none of perhaps a million messages is read. */
async function waitingIn(manager: JetStreamManager, stream: string): Promise<Waiting | undefined> {
  const info = await answerIfThere(manager.streams.info(stream))
  if (info === undefined) return undefined
  const consumers = await answerIfThere(allOf(manager.consumers.list(stream)))
  const shares = (consumers ?? []).map(
    ({ name, num_pending, num_ack_pending }) => [name, num_pending + num_ack_pending] as const,
  )
  return { created: info.created, messages: info.state.messages, byEvent: new Map(shares) }
}

/** Counts schedules that are not due. No consumer counts them, so with more than one event their subjects are listed. */
async function waitingForLater(manager: JetStreamManager, ref: JobRef, retry: Waiting): Promise<Counts> {
  const later = retry.messages - sum(retry.byEvent)
  const [only, ...others] = retry.byEvent.keys()
  if (later <= 0) return new Map()
  if (only !== undefined && others.length === 0) return new Map([[only, later]])
  const schedules = eventSubjects({ ...ref, event: '*' }).later('*')
  return await countSubjects(manager, streamNames(ref).retry, schedules)
}

/** How many messages each event has on the subjects that match. */
async function countSubjects(manager: JetStreamManager, stream: string, filter: string): Promise<Counts> {
  const counts = new Map<string, number>()
  for (const [subject, messages] of (await subjectsIn(manager, stream, filter)) ?? []) {
    const { event } = parseSubject(subject)
    counts.set(event, (counts.get(event) ?? 0) + messages)
  }
  return counts
}

/** Changes whenever a message comes or goes: one that comes raises the last sequence, one that goes lowers the count. */
function stateMark({ created, state }: StreamInfo): string {
  return `${created} ${state.last_seq} ${state.messages}`
}

/** The total over all events. */
export function sum(counts: Counts): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}
