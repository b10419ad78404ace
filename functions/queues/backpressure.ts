import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerTo, manage } from '../jetstream/manager.ts'
import { streamNames, type JobRef } from './names.ts'
import { measureUndone, roomLimits } from './room.ts'

/** The share of the room for retries and hand-overs that a redrive may fill; the rest is left to the runners. */
const SHARE = 0.25
const CHECK_EVERY_MS = 500

/**
 * Gives a function that throws QUEUE_FULL while a Job's retries, hand-overs and redriven dead letters take a quarter of
 * their room; from half of it on, runners pull no new events. It measures at most twice a second. It throws
 * QUEUE_UNAVAILABLE, too.
 */
export function createBackpressure(connection: NatsConnection, ref: JobRef): () => Promise<void> {
  const { queue, events } = streamNames(ref)
  const check = async () => {
    const { streams } = await manage(connection)
    const [{ config }, { state }] = await answerTo(Promise.all([streams.info(queue), streams.info(events)]))
    const most = roomLimits(config.max_bytes).waiting * SHARE
    return state.bytes > most && (await measureUndone(connection, ref)).waiting > most
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
