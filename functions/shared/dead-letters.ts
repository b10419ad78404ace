import type { NatsConnection } from '@nats-io/transport-node'

import type { ErrorCode } from './errors.ts'
import type { JobRef } from './names.ts'

/** An event that ended as a dead letter, without its data. */
export interface DeadLetter {
  readonly event: string
  readonly key: string
  readonly code: ErrorCode
  readonly reason: string
  readonly attempts: number
  /** When the verdict was made, RFC 3339. */
  readonly time: string
  /** Digest of the module that ran. */
  readonly module: string
  /** Attributes of the CloudEvent. */
  readonly id: string
  readonly source: string
  readonly type: string
}

/** Dead letters, the newest first. */
export interface DeadLetters {
  readonly letters: readonly DeadLetter[]
  /** How many there are, beyond the limit too. */
  readonly total: number
}

/** Which dead letters, and how many of them at most. */
export interface DeadLetterQuery {
  readonly event?: string
  readonly limit: number
}

/**
 * The newest dead letters of a Job: events whose verdict is dead right now. Throws NOT_FOUND when the Job has no streams,
 * and QUEUE_UNAVAILABLE.
 */
export function listDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  query: DeadLetterQuery,
): Promise<DeadLetters> {
  throw new Error(`not yet: ${ref.job} ${query.limit} ${connection.getServer()}`)
}
