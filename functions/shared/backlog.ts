import type { NatsConnection } from '@nats-io/transport-node'

import type { JobRef } from './names.ts'

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
  /** The state of the outcome stream that the dead letters were counted in. */
  readonly outcomes: string
}

/**
 * How much of a Job waits; undefined when one of its streams is missing. Cheap enough for every ten seconds, more so with
 * the answer of the time before as `previous`. Throws QUEUE_UNAVAILABLE.
 */
export function readBacklog(
  connection: NatsConnection,
  ref: JobRef,
  previous?: Backlog,
): Promise<Backlog | undefined> {
  throw new Error(`not yet: ${ref.job} ${previous?.outcomes ?? ''} ${connection.getServer()}`)
}

/**
 * Whether anything of an event is in the queue or among the retries, due or not; false when the streams are gone. Throws
 * QUEUE_UNAVAILABLE.
 */
export function hasBacklog(connection: NatsConnection, ref: JobRef, event: string): Promise<boolean> {
  throw new Error(`not yet: ${ref.job} ${event} ${connection.getServer()}`)
}
