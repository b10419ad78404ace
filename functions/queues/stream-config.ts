import {
  AckPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
} from '@nats-io/jetstream'

import type { NamedStream } from '../jetstream/stream-refusal.ts'
import { eventSubjects, jobSubjects, streamNames, type JobRef } from './names.ts'

/** How long a runner may be silent about a message before NATS delivers it again. */
export const ACK_WAIT_MS = 30_000
/** The most messages that a runner holds beyond those it executes. */
export const MAX_PREFETCH = 256

const NANOS_PER_MS = 1_000_000
const NANOS_PER_SECOND = 1_000_000_000
/** Keys of the metadata with which the streams name their Job. */
export const STREAM_METADATA = {
  namespace: 'jobico.coeux.dev/namespace',
  job: 'jobico.coeux.dev/job',
  uid: 'jobico.coeux.dev/uid',
} as const

/** The settings of a Job's queue: `spec.queue`, with sizes in bytes. */
export interface QueueSettings {
  readonly storage: 'File' | 'Memory'
  readonly maxBytes: number
  readonly duplicateWindowSeconds: number
  readonly replicas: number
}

/** The settings of an event that its consumers depend on. */
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
  /** Stored with each stream, such as the Job's uid under its key of STREAM_METADATA. */
  readonly metadata: Readonly<Record<string, string>>
}

/** The configuration wanted for a durable consumer. */
export type NamedConsumer = Partial<ConsumerConfig> & { durable_name: string }

/** The configurations of a Job's three streams. Pure. */
export function streamConfigs({ ref, queue, metadata }: Omit<QueuePlan, 'events'>): readonly NamedStream[] {
  const names = streamNames(ref)
  const subjects = jobSubjects(ref)
  const common = {
    storage: queue.storage === 'File' ? StorageType.File : StorageType.Memory,
    num_replicas: queue.replicas,
    duplicate_window: queue.duplicateWindowSeconds * NANOS_PER_SECOND,
    metadata: {
      ...metadata,
      [STREAM_METADATA.namespace]: ref.namespace,
      [STREAM_METADATA.job]: ref.job,
    },
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
    // No max_bytes: a stream with schedules could only discard old messages, which are events. The pull gate bounds it.
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
