import type { NatsConnection } from '@nats-io/transport-node'

import type { JobRef } from './names.ts'
import type { Verdict } from './verdict.ts'

/** How an event ended, as the outcome stream holds it. */
export interface Outcome {
  readonly event: string
  readonly key: string
  readonly verdict: Verdict
  readonly seq: number
}

/** What to follow. */
export interface FollowOptions {
  /** One event; all events of the Job where it is missing. */
  readonly event?: string
  /** Only what comes from now on, or all that is kept as well. */
  readonly fromNow?: boolean
  /** Ends the iteration in good order. */
  readonly signal?: AbortSignal
}

/**
 * The verdicts of a Job as they come, in the order in which they were stored, over any loss of the connection. Needs no
 * pod that runs. Throws NOT_FOUND when the Job has no streams, at first or any more, and QUEUE_UNAVAILABLE when NATS does
 * not answer at first.
 */
export function followOutcomes(
  connection: NatsConnection,
  ref: JobRef,
  options: FollowOptions = {},
): AsyncIterable<Outcome> {
  throw new Error(`not yet: ${ref.job} ${options.event ?? ''} ${connection.getServer()}`)
}
