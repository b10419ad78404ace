import {
  AckPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type StreamConfig,
} from '@nats-io/jetstream'

import type { NamedStream } from '../jetstream/stream-refusal.ts'
import {
  eventSubjects,
  jobSubjects,
  streamNames,
  wakeSubject,
  type EventRef,
  type JobRef,
  type StreamNames,
} from './names.ts'

/** How long a runner may be silent about a message before NATS delivers it again. */
export const ACK_WAIT_MS = 10_000
/** The most messages of an event that all its runners hold at a time. */
const MAX_ACK_PENDING = 100_000
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

/** All that a Job needs in NATS. */
export interface QueuePlan {
  readonly ref: JobRef
  readonly queue: QueueSettings
  /** The names of the events that are to have consumers. */
  readonly events: readonly string[]
  /** Stored with each stream, such as the Job's uid under its key of STREAM_METADATA. */
  readonly metadata: Readonly<Record<string, string>>
}

/** The configuration wanted for a durable consumer. */
export type NamedConsumer = Partial<ConsumerConfig> & { durable_name: string }

/** The configurations of a Job's two streams. Pure. */
export function streamConfigs({ ref, queue, metadata }: Omit<QueuePlan, 'events'>): readonly NamedStream[] {
  const names = streamNames(ref)
  const subjects = jobSubjects(ref)
  const common = {
    // With the retention Limits, consumers need no copies of their own on other servers.
    retention: RetentionPolicy.Limits,
    storage: queue.storage === 'File' ? StorageType.File : StorageType.Memory,
    num_replicas: queue.replicas,
    duplicate_window: queue.duplicateWindowSeconds * NANOS_PER_SECOND,
    allow_atomic: true,
    metadata: {
      ...metadata,
      [STREAM_METADATA.namespace]: ref.namespace,
      [STREAM_METADATA.job]: ref.job,
    },
  }
  const woken = wakeSubject({
    namespace: '{{wildcard(1)}}',
    job: '{{wildcard(2)}}',
    event: '{{wildcard(3)}}',
  })
  const any = eventSubjects({ namespace: '*', job: '*', event: '*' })
  return [
    {
      ...common,
      name: names.queue,
      subjects: [...subjects.queue],
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      max_bytes: queue.maxBytes,
      republish: { src: any.queued('*'), dest: woken, headers_only: true },
    },
    // No max_bytes: a stream with schedules could only discard the oldest messages, which may be pending or dead.
    {
      ...common,
      name: names.events,
      subjects: [...subjects.events],
      discard: DiscardPolicy.Old,
      // A server that is killed may bring back what such a limit had removed, once the newer message is deleted.
      max_msgs_per_subject: -1,
      allow_msg_ttl: true,
      allow_msg_schedules: true,
      republish: { src: any.record('*', 'due'), dest: woken, headers_only: true },
    },
  ]
}

/** The settings that a stream was made with; `maxBytes` is right for a queue only. Pure. */
export function settingsOf(config: StreamConfig): QueueSettings {
  return {
    storage: config.storage === StorageType.Memory ? 'Memory' : 'File',
    maxBytes: config.max_bytes,
    duplicateWindowSeconds: Math.ceil(config.duplicate_window / NANOS_PER_SECOND),
    replicas: config.num_replicas,
  }
}

/** The metadata of a stream, without what the server has added of its own. Pure. */
export function metadataOf({ metadata = {} }: Pick<StreamConfig, 'metadata'>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith('_nats')))
}

/**
 * The configurations of an event's consumers on both streams. They can be made anew at any time, because a message stays in
 * its stream until it is settled; so one copy of them is enough. Pure.
 */
export function consumerConfigs(ref: EventRef): Readonly<Record<keyof StreamNames, NamedConsumer>> {
  const subjects = eventSubjects(ref)
  const common = {
    durable_name: ref.event,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: MAX_ACK_PENDING,
    num_replicas: 1,
  }
  return {
    queue: { ...common, filter_subject: subjects.queued('*') },
    events: { ...common, filter_subject: subjects.record('*', 'due') },
  }
}
