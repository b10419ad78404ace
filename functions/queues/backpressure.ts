import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerTo, manage } from '../jetstream/manager.ts'
import { streamNames, type JobRef } from './names.ts'

/** The share of `maxBytes` that a redrive may fill with retries; the rest is left to the runners. */
const SHARE = 0.5
const CHECK_EVERY_MS = 500

/**
 * Gives a function that throws QUEUE_FULL while a Job's retries take more than half of its queue's `maxBytes`; if they took
 * all of it, runners would pull no new events. It reads the sizes at most twice a second. It throws QUEUE_UNAVAILABLE, too.
 */
export function createBackpressure(connection: NatsConnection, ref: JobRef): () => Promise<void> {
  const { queue, retry } = streamNames(ref)
  const check = async () => {
    const { streams } = await manage(connection)
    const [{ config }, { state }] = await answerTo(Promise.all([streams.info(queue), streams.info(retry)]))
    return config.max_bytes > 0 && state.bytes > config.max_bytes * SHARE
  }
  let checkedAt = -Infinity
  let isFull: Promise<boolean> = Promise.resolve(false)
  return async () => {
    if (performance.now() - checkedAt >= CHECK_EVERY_MS) {
      checkedAt = performance.now()
      isFull = check()
    }
    if (await isFull)
      throw new JobicoError(
        'QUEUE_FULL',
        `runners have not yet taken what was sent to ${ref.job} so far, see: jobico status ${ref.job}`,
      )
  }
}
