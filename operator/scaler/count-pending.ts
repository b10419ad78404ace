import type { NatsConnection } from '@nats-io/transport-node'

import { answerIfThere, manage } from '../../functions/jetstream/manager.ts'
import { JobicoError } from '../../functions/process/errors.ts'
import { streamNames, type EventRef } from '../../functions/queues/names.ts'
import type { Pending } from './activity.ts'

/** How many requests countPending sends. */
export const REQUESTS_A_COUNT = 2

/**
 * Counts the messages of an event at its two consumers. Throws QUEUE_UNAVAILABLE when NATS gives no answer, and NOT_FOUND when
 * a consumer is missing.
 */
export async function countPending(connection: NatsConnection, ref: EventRef): Promise<Pending> {
  const manager = await manage(connection)
  const counts = await Promise.all(
    Object.values<string>({ ...streamNames(ref) }).map(async (stream) => {
      const info = await answerIfThere(manager.consumers.info(stream, ref.event))
      if (info === undefined) throw consumerNotFound(ref, stream)
      return { waiting: info.num_pending, running: info.num_ack_pending }
    }),
  )
  return {
    waiting: counts.reduce((sum, { waiting }) => sum + waiting, 0),
    running: counts.reduce((sum, { running }) => sum + running, 0),
  }
}

function consumerNotFound({ namespace, job, event }: EventRef, stream: string): JobicoError {
  return new JobicoError(
    'NOT_FOUND',
    `the stream ${stream} has no consumer ${event}; see that the condition QueueReady of the Job ${job} of the namespace ${namespace} is True`,
  )
}
