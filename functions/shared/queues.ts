import type { NatsConnection } from '@nats-io/transport-node'

import type { JobRef } from './names.ts'
import type { QueuePlan } from './streams.ts'

/**
 * Makes the streams and consumers of a Job, or brings them to what the plan says: a closed queue is opened again, what a
 * deleted Job of the same name left is taken over. Writes nothing where all is right. Throws STREAM_REFUSED with figures
 * and the fix, and QUEUE_UNAVAILABLE when NATS does not answer in time.
 */
export function ensureQueues(connection: NatsConnection, plan: QueuePlan): Promise<void> {
  throw new Error(`not yet: ${plan.ref.job} ${connection.getServer()}`)
}

/**
 * Lets nothing more into a Job's queue; what is in it is worked off as before. No fault when there is none. Throws
 * QUEUE_UNAVAILABLE.
 */
export function closeQueue(connection: NatsConnection, ref: JobRef): Promise<void> {
  throw new Error(`not yet: ${ref.job} ${connection.getServer()}`)
}

/** Removes the two consumers of an event that is no longer in its Job; none is no fault. Throws QUEUE_UNAVAILABLE. */
export function removeConsumers(connection: NatsConnection, ref: JobRef, event: string): Promise<void> {
  throw new Error(`not yet: ${ref.job} ${event} ${connection.getServer()}`)
}

/** What became of the deletion of a Job's streams; counts of messages, where there were any. */
export type Deletion =
  { readonly deleted: true } | { readonly deleted: false; readonly pending: number; readonly dead: number }

/**
 * Closes the queue of a Job and deletes its three streams, but only when nothing in them is pending or dead; streams that
 * are not there count as deleted. Safe to repeat, and to break off at any point. Throws QUEUE_UNAVAILABLE.
 */
export function deleteQueues(connection: NatsConnection, ref: JobRef): Promise<Deletion> {
  throw new Error(`not yet: ${ref.job} ${connection.getServer()}`)
}

/** A Job's queue as NATS holds it, whether there is such a Job or not. */
export interface HeldQueue {
  readonly ref: JobRef
  /** The uid of the Job that it was last made for, where it was told. */
  readonly uid: string | undefined
  /** Whether nothing more gets in. */
  readonly closed: boolean
}

/** Every Job's queue that NATS holds, by what its streams say of themselves. Throws QUEUE_UNAVAILABLE. */
export function listQueues(connection: NatsConnection): Promise<readonly HeldQueue[]> {
  throw new Error(`not yet: ${connection.getServer()}`)
}
