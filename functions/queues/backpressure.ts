import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerTo, manage } from '../jetstream/manager.ts'
import { streamNames, type JobRef } from './names.ts'

/** How much of the room that a Job's retries may take is filled; the rest is left to its runners. */
const SHARE = 0.5
const LOOK_EVERY_MS = 500

/**
 * Makes what throws QUEUE_FULL while a Job's retries take half of its queue's `maxBytes`: past all of it, runners take
 * nothing new. It looks at most twice a second. Throws QUEUE_UNAVAILABLE, too.
 */
export function createBackpressure(connection: NatsConnection, ref: JobRef): () => Promise<void> {
  const { queue, retry } = streamNames(ref)
  const look = async () => {
    const { streams } = await manage(connection)
    const [{ config }, { state }] = await answerTo(Promise.all([streams.info(queue), streams.info(retry)]))
    return config.max_bytes > 0 && state.bytes > config.max_bytes * SHARE
  }
  let lookedAt = -Infinity
  let isFull: Promise<boolean> = Promise.resolve(false)
  return async () => {
    if (performance.now() - lookedAt >= LOOK_EVERY_MS) {
      lookedAt = performance.now()
      isFull = look()
    }
    if (await isFull)
      throw new JobicoError(
        'QUEUE_FULL',
        `runners have not yet taken what was sent to ${ref.job} so far, see: jobico status ${ref.job}`,
      )
  }
}
