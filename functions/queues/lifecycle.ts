import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { covers } from '../jetstream/config-drift.ts'
import { JobicoError } from '../process/errors.ts'
import { countRecords, sum } from './backlog.ts'
import { ensureConsumers } from './consumers.ts'
import { ANSWER_MS, answerIfThere, answerTo, manage, streamsOf } from '../jetstream/manager.ts'
import { closedSubject, streamNames, type JobRef } from './names.ts'
import { readPubAck } from '../jetstream/publish.ts'
import { assertSameStorage, explainRefusal, type NamedStream } from '../jetstream/stream-refusal.ts'
import { STREAM_METADATA, streamConfigs, type QueuePlan } from './stream-config.ts'

/**
 * Creates the streams and consumers of a Job, or changes them to match the plan. It opens a closed queue again, and takes
 * over streams that a deleted Job of the same name left. Writes nothing if all is as planned. Throws STREAM_REFUSED with
 * figures and the fix, and QUEUE_UNAVAILABLE if NATS does not answer in time.
 */
export async function ensureQueues(connection: NatsConnection, plan: QueuePlan): Promise<void> {
  const manager = await manage(connection)
  const configs = streamConfigs(plan)
  const found = await Promise.all(configs.map(({ name }) => answerIfThere(manager.streams.info(name))))
  const names = streamNames(plan.ref)
  if (found.some((info) => info !== undefined && isClosed(info, plan.ref)))
    await answerTo(manager.streams.purge(names.queue, { filter: closedSubject(plan.ref) }))
  for (const [at, config] of configs.entries()) await ensureStream(manager, config, found[at])
  const [queue, events] = found.map((info) => info?.state.messages ?? 0)
  await ensureConsumers(manager, plan, { queue: queue ?? 0, events: events ?? 0 })
}

async function ensureStream(
  manager: JetStreamManager,
  wanted: NamedStream,
  existing: StreamInfo | undefined,
): Promise<void> {
  if (existing !== undefined && covers(existing.config, wanted)) return
  if (existing !== undefined) assertSameStorage(wanted, existing.config)
  const step =
    existing === undefined ? manager.streams.add(wanted) : manager.streams.update(wanted.name, wanted)
  try {
    await answerTo(step)
  } catch (fault) {
    throw await explainRefusal(fault, manager, wanted)
  }
}

/**
 * Closes a Job's queue: it takes no new events, and those in it are run as before. Does nothing if there is no queue. Throws
 * QUEUE_UNAVAILABLE.
 */
export async function closeQueue(connection: NatsConnection, ref: JobRef): Promise<void> {
  const manager = await manage(connection)
  const { queue } = streamNames(ref)
  const info = await answerIfThere(manager.streams.info(queue))
  if (info === undefined || isClosed(info, ref)) return
  await answerIfThere(manager.streams.update(queue, { subjects: [closedSubject(ref)] }))
}

/** Whether deleteQueues has deleted a Job's streams; if not, how many messages are left in them. */
export type Deletion =
  { readonly deleted: true } | { readonly deleted: false; readonly pending: number; readonly dead: number }

/**
 * Closes the queue of a Job and deletes its two streams, but only if they hold nothing pending or dead. Missing streams
 * count as deleted. Safe to repeat, and to break off at any point. Throws QUEUE_UNAVAILABLE.
 */
export async function deleteQueues(connection: NatsConnection, ref: JobRef): Promise<Deletion> {
  const manager = await manage(connection)
  await closeQueue(connection, ref)
  const before = await countLeft(manager, ref)
  if (!before.empty) return { deleted: false, pending: before.pending, dead: before.dead }
  if (before.exists) await passBarrier(connection, ref)
  const left = await countLeft(manager, ref)
  if (!left.empty) return { deleted: false, pending: left.pending, dead: left.dead }
  const names = streamNames(ref)
  for (const stream of [names.queue, names.events]) await answerIfThere(manager.streams.delete(stream))
  return { deleted: true }
}

/** Counts what is left in a Job's streams, in the order in which an event moves, so that it is not missed while it moves. */
async function countLeft(manager: JetStreamManager, ref: JobRef) {
  const barrier = closedSubject(ref)
  const queue = await answerIfThere(
    manager.streams.info(streamNames(ref).queue, { subjects_filter: barrier }),
  )
  const records = await countRecords(manager, ref)
  const barriers = queue?.state.subjects?.[barrier] ?? 0
  const pending = (queue?.state.messages ?? 0) - barriers + sum(records.waiting)
  const dead = sum(records.dead)
  // A queue that a new Job has opened again must not be deleted, even if it is empty.
  const empty = pending + dead === 0 && (queue === undefined || isClosed(queue, ref))
  return { pending, dead, exists: queue !== undefined, empty }
}

/**
 * Sends a message of our own to a closed queue. Once it is stored, everything sent before the queue was closed is stored
 * too, even if it is acknowledged only now. The message stays until the stream is deleted or the queue is opened again.
 */
async function passBarrier(connection: NatsConnection, ref: JobRef): Promise<void> {
  const answer = await answerTo(connection.request(closedSubject(ref), '', { timeout: ANSWER_MS }))
  const ack = readPubAck(answer)
  if (!ack.stored && ack.refusal !== 'subject-taken')
    throw new JobicoError(
      'QUEUE_UNAVAILABLE',
      `the closed queue does not answer as it should: ${ack.description}`,
    )
}

/** A Job's queue as NATS holds it, whether or not the Job still exists. */
export interface QueueInNats {
  readonly ref: JobRef
  /** The uid of the Job that it was last made for, if its metadata has one. */
  readonly uid: string | undefined
  /** Whether it takes no new events. */
  readonly closed: boolean
}

/**
 * All Jobs' queues that NATS holds, or those whose streams have wanted names. Found by the metadata of the streams. Throws
 * QUEUE_UNAVAILABLE.
 */
export async function listQueues(
  connection: NatsConnection,
  isWanted?: (stream: string) => boolean,
): Promise<readonly QueueInNats[]> {
  const manager = await manage(connection)
  const held = new Map<string, QueueInNats>()
  for (const info of await streamsOf(manager, isWanted)) {
    const { name, metadata = {} } = info.config
    const ref = {
      namespace: metadata[STREAM_METADATA.namespace] ?? '',
      job: metadata[STREAM_METADATA.job] ?? '',
    }
    const names = streamNames(ref)
    if (!Object.values(names).includes(name)) continue
    const closed = name === names.queue ? isClosed(info, ref) : (held.get(names.queue)?.closed ?? true)
    held.set(names.queue, { ref, uid: metadata[STREAM_METADATA.uid], closed })
  }
  return [...held.values()]
}

/** Whether a Job's queue takes no new events, because the Job is deleted. Pure. */
export function isClosed(queue: StreamInfo, ref: JobRef): boolean {
  return queue.config.subjects.includes(closedSubject(ref))
}
