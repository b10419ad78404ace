import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { covers } from '../jetstream/config-drift.ts'
import { allOf, answerIfThere, answerTo, manage } from '../jetstream/manager.ts'
import { streamNames, type EventRef, type JobRef, type StreamNames } from './names.ts'
import { consumerConfigs, type NamedConsumer, type QueuePlan } from './stream-config.ts'

/** The two streams, in the order in which an event moves. */
const STREAMS = ['queue', 'events'] as const satisfies readonly (keyof StreamNames)[]

/** How many messages each of a Job's streams has. */
export type MessageCounts = Readonly<Record<keyof StreamNames, number>>

/**
 * Creates the consumers of events, or changes them to match their settings, and makes those anew that have passed over one of
 * the streams' `messages`. Throws QUEUE_UNAVAILABLE, STREAM_REFUSED.
 */
export async function ensureConsumers(
  manager: JetStreamManager,
  { ref, events }: Pick<QueuePlan, 'ref' | 'events'>,
  messages: MessageCounts,
): Promise<void> {
  const names = streamNames(ref)
  for (const stream of STREAMS) {
    const existing = await consumersOf(manager, names[stream])
    for (const event of events) {
      const wanted = consumerConfigs({ ...ref, event })[stream]
      const consumer = existing.get(event)
      const isLeft =
        consumer !== undefined &&
        messages[stream] > 0 &&
        (await hasPassedOver(manager, names[stream], consumer))
      if (isLeft) await answerIfThere(manager.consumers.delete(names[stream], event))
      await ensureConsumer(manager, names[stream], wanted, isLeft ? undefined : consumer)
    }
  }
}

async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  wanted: NamedConsumer,
  existing: ConsumerInfo | undefined,
): Promise<void> {
  const { durable_name: name } = wanted
  if (existing !== undefined && covers(existing.config, wanted)) return
  const step =
    existing === undefined
      ? manager.consumers.add(stream, wanted)
      : manager.consumers.update(stream, name, wanted)
  await answerTo(step, `the consumer ${name} of the stream ${stream}`)
}

/** The times of two messages of a server may differ from their order by less than this. */
const CLOCK_MS = 1_000

/**
 * Whether the stream holds a message that the consumer does not count. A nats-server that is killed may forget that it has
 * deleted a message, but not that the consumer was done with it.
 */
async function hasPassedOver(
  manager: JetStreamManager,
  stream: string,
  { config, num_pending, num_ack_pending, ts }: ConsumerInfo,
): Promise<boolean> {
  if (num_pending + num_ack_pending > 0) return false
  const query = { last_by_subj: config.filter_subject ?? '>' }
  const last = await answerIfThere(manager.streams.getMessage(stream, query))
  return last !== undefined && last !== null && last.time.getTime() < Date.parse(ts ?? '') - CLOCK_MS
}

/** All consumers of a stream, by name. */
async function consumersOf(
  manager: JetStreamManager,
  stream: string,
): Promise<ReadonlyMap<string, ConsumerInfo>> {
  const consumers = await answerTo(allOf(manager.consumers.list(stream)))
  return new Map(consumers.map((consumer) => [consumer.name, consumer]))
}

/** How long a consumer may take to answer: if the server that holds it is gone, nobody does. */
const ASK_MS = 1_000

/**
 * Makes one of an event's consumers anew if the server that holds it does not answer. Everything that is not settled is
 * delivered again then. Throws QUEUE_UNAVAILABLE and STREAM_REFUSED.
 */
export async function replaceLostConsumer(
  connection: NatsConnection,
  ref: EventRef,
  stream: keyof StreamNames,
): Promise<void> {
  const manager = await manage(connection)
  const name = streamNames(ref)[stream]
  const wanted = consumerConfigs(ref)[stream]
  const ask = (what: string) =>
    connection
      .request(`$JS.API.CONSUMER.${what}.${name}.${ref.event}`, '', { timeout: ASK_MS })
      .catch(() => undefined)
  const info = await ask('INFO')
  if (info !== undefined && info.json<{ error?: object }>().error === undefined) return
  await ask('DELETE')
  await answerTo(manager.consumers.add(name, wanted), `the consumer ${ref.event} of the stream ${name}`)
}

/** Removes the two consumers, if any, of an event that is no longer in its Job. Throws QUEUE_UNAVAILABLE. */
export async function removeConsumers(connection: NatsConnection, ref: JobRef, event: string): Promise<void> {
  const manager = await manage(connection)
  const names = streamNames(ref)
  for (const stream of STREAMS) await answerIfThere(manager.consumers.delete(names[stream], event))
}
