import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { allOf, answerIfThere, manage, subjectsIn } from '../jetstream/manager.ts'
import { eventSubjects, parseSubject, streamNames, type JobRef, type RecordKind } from './names.ts'
import { measureUndone, roomLimits, type UndoneBytes } from './room.ts'

/** How much waits, in messages. */
export interface EventBacklog {
  /** In the queue, and retries, hand-overs and redriven dead letters. */
  readonly pending: number
  /** Dead letters. */
  readonly dead: number
}

/** How much of a Job waits, in all and by event. */
export interface Backlog extends EventBacklog {
  readonly events: ReadonlyMap<string, EventBacklog>
  /** When the queue was made, RFC 3339. */
  readonly created: string
  /** The bytes of dead letters and of what waits in the stream of events; undefined while they are far from their limits. */
  readonly undone: UndoneBytes | undefined
  /** The queue's `maxBytes`. */
  readonly maxBytes: number
}

/** Numbers of messages by event. */
export type Counts = ReadonlyMap<string, number>

/** Counts what waits in a Job; undefined if one of its streams is missing. Throws QUEUE_UNAVAILABLE. */
export async function readBacklog(connection: NatsConnection, ref: JobRef): Promise<Backlog | undefined> {
  const manager = await manage(connection)
  const names = streamNames(ref)
  const [queue, events] = await Promise.all([
    answerIfThere(manager.streams.info(names.queue)),
    answerIfThere(manager.streams.info(names.events)),
  ])
  if (queue === undefined || events === undefined) return undefined
  const queued = queue.state.messages === 0 ? new Map<string, number>() : await queuedByEvent(manager, queue)
  const records = events.state.messages === 0 ? NO_RECORDS : await countRecords(manager, ref)
  const found = new Set([queued, records.waiting, records.dead].flatMap((counts) => [...counts.keys()]))
  const of = (counts: Counts, event: string) => counts.get(event) ?? 0
  return {
    pending: queue.state.messages + sum(records.waiting),
    dead: sum(records.dead),
    events: new Map(
      [...found]
        .sort()
        .map((event) => [
          event,
          { pending: of(queued, event) + of(records.waiting, event), dead: of(records.dead, event) },
        ]),
    ),
    created: queue.created,
    undone: await undoneBytes(connection, ref, events.state.bytes, queue.config.max_bytes),
    maxBytes: queue.config.max_bytes,
  }
}

/** Measuring reads the headers of each message, so it is done only if some kind may have used up its room. */
async function undoneBytes(
  connection: NatsConnection,
  ref: JobRef,
  total: number,
  maxBytes: number,
): Promise<UndoneBytes | undefined> {
  const limits = roomLimits(maxBytes)
  return total >= Math.min(limits.dead, limits.waiting) ? await measureUndone(connection, ref) : undefined
}

/**
 * Whether the queue or the records hold anything of an event that has not ended; false if the streams do not exist. Throws
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
  return (
    (await isIn(names.queue, subjects.queued('*'))) ||
    (await isIn(names.events, subjects.record('*', 'later'))) ||
    (await isIn(names.events, subjects.record('*', 'due')))
  )
}

/** How many records of a Job wait, and how many are dead letters, by event. */
export interface RecordCounts {
  readonly waiting: Counts
  readonly dead: Counts
}

const NO_RECORDS: RecordCounts = { waiting: new Map(), dead: new Map() }

/**
 * Counts the records that wait and the dead letters. NATS goes through the subjects of all records, done outcomes included: some
 * 0.4 s for each of three looks at a million.
 */
export async function countRecords(manager: JetStreamManager, ref: JobRef): Promise<RecordCounts> {
  const count = (kind: RecordKind) => countSubjects(manager, ref, kind)
  // In the order in which an event moves, so that it is not missed while it moves.
  const later = await count('later')
  const due = await count('due')
  const dead = await count('dead')
  const waiting = new Map(later)
  for (const [event, messages] of due) waiting.set(event, (waiting.get(event) ?? 0) + messages)
  return { waiting, dead }
}

async function countSubjects(manager: JetStreamManager, ref: JobRef, kind: RecordKind): Promise<Counts> {
  const counts = new Map<string, number>()
  const filter = eventSubjects({ ...ref, event: '*' }).record('*', kind)
  for (const [subject, messages] of (await subjectsIn(manager, streamNames(ref).events, filter)) ?? []) {
    const { event } = parseSubject(subject)
    counts.set(event, (counts.get(event) ?? 0) + messages)
  }
  return counts
}

/** Counts a queue by event. The consumers know their counts, so none of perhaps a million messages is read. */
async function queuedByEvent(manager: JetStreamManager, { config }: StreamInfo): Promise<Counts> {
  const consumers = await answerIfThere(allOf(manager.consumers.list(config.name)))
  return new Map(
    (consumers ?? []).map(({ name, num_pending, num_ack_pending }) => [name, num_pending + num_ack_pending]),
  )
}

/** The total over all events. */
export function sum(counts: Counts): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}
