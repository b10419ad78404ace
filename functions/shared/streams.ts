import {
  AckPolicy,
  DiscardPolicy,
  jetstreamManager,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from './errors.ts'
import { eventSubjects, jobSubjects, streamNames, type JobRef } from './names.ts'

/** How long a runner may stay silent about a message before NATS gives it to another one. */
export const ACK_WAIT_MS = 30_000
/** The most messages that a runner holds beyond those it executes. */
export const MAX_PREFETCH = 256

const NANOS_PER_MS = 1_000_000
const NANOS_PER_SECOND = 1_000_000_000
const STREAM_NOT_FOUND = 10059
const CONSUMER_NOT_FOUND = 10014

/** The settings of a Job's queue: `spec.queue`, with sizes in bytes. */
export interface QueueSettings {
  readonly storage: 'File' | 'Memory'
  readonly maxBytes: number
  readonly duplicateWindowSeconds: number
  readonly replicas: number
}

/** What the consumers of an event need to know of it. */
export interface ConsumerSettings {
  readonly event: string
  readonly maxReplicas: number
  readonly concurrency: number
}

/** All that a Job needs in NATS. */
export interface QueuePlan {
  readonly ref: JobRef
  readonly queue: QueueSettings
  readonly events: readonly ConsumerSettings[]
  /** Kept with each stream, such as the Job's uid. */
  readonly metadata: Readonly<Record<string, string>>
}

type NamedStream = Partial<StreamConfig> & Pick<StreamConfig, 'name'>
type NamedConsumer = Partial<ConsumerConfig> & { durable_name: string }

/** The configurations of a Job's three streams. Pure. */
export function streamConfigs({ ref, queue, metadata }: Omit<QueuePlan, 'events'>): readonly NamedStream[] {
  const names = streamNames(ref)
  const subjects = jobSubjects(ref)
  const common = {
    storage: queue.storage === 'File' ? StorageType.File : StorageType.Memory,
    num_replicas: queue.replicas,
    duplicate_window: queue.duplicateWindowSeconds * NANOS_PER_SECOND,
    metadata: { ...metadata, 'jobico.coeux.dev/namespace': ref.namespace, 'jobico.coeux.dev/job': ref.job },
  }
  return [
    {
      ...common,
      name: names.queue,
      subjects: [...subjects.queue],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      max_bytes: queue.maxBytes,
      allow_atomic: true,
    },
    // No limit of bytes: schedules allow only the discarding of old messages, which are events. Runners keep to it.
    {
      ...common,
      name: names.retry,
      subjects: [...subjects.retry],
      retention: RetentionPolicy.Workqueue,
      allow_msg_schedules: true,
    },
    {
      ...common,
      name: names.outcomes,
      subjects: [...subjects.outcomes],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_bytes: queue.maxBytes,
      allow_msg_ttl: true,
      allow_atomic: true,
    },
  ]
}

/** The configurations of an event's consumers on the queue and on the retries. Pure. */
export function consumerConfigs(
  ref: JobRef,
  { event, maxReplicas, concurrency }: ConsumerSettings,
): Readonly<Record<'queue' | 'retry', NamedConsumer>> {
  const subjects = eventSubjects({ ...ref, event })
  const common = {
    durable_name: event,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: Math.max(1_000, maxReplicas * (concurrency + MAX_PREFETCH)),
  }
  return {
    queue: { ...common, filter_subject: subjects.queued('*') },
    retry: { ...common, filter_subject: subjects.due('*') },
  }
}

/**
 * Makes the streams and consumers of a Job, or brings them to what the plan says; writes nothing where all is right.
 * Throws STREAM_REFUSED with the server's words, such as that its storage is used up.
 */
export async function ensureQueues(connection: NatsConnection, plan: QueuePlan): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false })
  for (const config of streamConfigs(plan)) await ensureStream(manager, config)
  const names = streamNames(plan.ref)
  for (const event of plan.events) {
    const { queue, retry } = consumerConfigs(plan.ref, event)
    await ensureConsumer(manager, names.queue, queue)
    await ensureConsumer(manager, names.retry, retry)
  }
}

async function ensureStream(manager: JetStreamManager, config: NamedStream): Promise<void> {
  const existing = await found(manager.streams.info(config.name), STREAM_NOT_FOUND)
  try {
    if (existing === undefined) await manager.streams.add(config)
    else if (!covers(existing.config, config))
      await manager.streams.update(config.name, { ...existing.config, ...config })
  } catch (cause) {
    throw refused(`the stream ${config.name} of ${config.max_bytes ?? 0} bytes`, cause)
  }
}

async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  config: NamedConsumer,
): Promise<void> {
  const existing = await found(manager.consumers.info(stream, config.durable_name), CONSUMER_NOT_FOUND)
  try {
    if (existing === undefined) await manager.consumers.add(stream, config)
    else if (!covers(existing.config, config))
      await manager.consumers.update(stream, config.durable_name, config)
  } catch (cause) {
    throw refused(`the consumer ${config.durable_name} of the stream ${stream}`, cause)
  }
}

async function found<T>(info: Promise<T>, missing: number): Promise<T | undefined> {
  try {
    return await info
  } catch (cause) {
    if (cause instanceof JetStreamApiError && cause.code === missing) return undefined
    throw cause
  }
}

/** Whether `have` says all that `want` says; it may say more, such as the server's defaults and metadata. */
function covers(have: unknown, want: unknown): boolean {
  if (typeof want !== 'object' || want === null) return have === want
  if (typeof have !== 'object' || have === null) return false
  return Object.entries(want).every(([name, value]) => covers((have as Record<string, unknown>)[name], value))
}

function refused(what: string, cause: unknown): JobicoError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new JobicoError('STREAM_REFUSED', `NATS refused ${what}: ${why}`, { cause })
}
