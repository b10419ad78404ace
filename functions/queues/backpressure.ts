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
 * their room; from half of it on, runners pull no new events. Throws another Error if dead letters have used up theirs, too, since
 * that may not end by itself. It measures at most twice a second. It throws QUEUE_UNAVAILABLE, too.
 */
export function createBackpressure(connection: NatsConnection, ref: JobRef): () => Promise<void> {
  const { queue, events } = streamNames(ref)
  const check = async (): Promise<Error | undefined> => {
    const { streams } = await manage(connection)
    const [{ config }, { state }] = await answerTo(Promise.all([streams.info(queue), streams.info(events)]))
    const limits = roomLimits(config.max_bytes)
    const most = limits.waiting * SHARE
    if (state.bytes <= most) return undefined
    const undone = await measureUndone(connection, ref)
    if (undone.waiting <= most) return undefined
    return undone.dead >= limits.dead ? deadlocked(ref) : notTaken(ref)
  }
  let checkedAt = -Infinity
  let checked: Promise<Error | undefined> = Promise.resolve(undefined)
  return async () => {
    if (performance.now() - checkedAt >= CHECK_EVERY_MS) {
      checkedAt = performance.now()
      checked = check()
    }
    const full = await checked
    if (full !== undefined) throw full
  }
}

function notTaken({ job }: JobRef): JobicoError {
  return new JobicoError(
    'QUEUE_FULL',
    `runners have not yet taken what was sent to ${job} so far, see: jobico status ${job}`,
  )
}

/** What waits may be events that would die, and these wait for the room that dead letters take. */
function deadlocked({ job }: JobRef): Error {
  return new Error(
    `the dead letters of ${job} and the events that wait have used up their room, so nothing can be sent again; purge some dead letters, or raise spec.queue.maxBytes`,
  )
}
