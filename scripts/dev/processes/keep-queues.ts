import { setTimeout as delay } from 'node:timers/promises'

import { connectNats, type NatsOptions } from '../../../functions/jetstream/connection.ts'
import { ensureQueues } from '../../../functions/queues/lifecycle.ts'
import type { QueuePlan } from '../../../functions/queues/stream-config.ts'

/** As often as the operator looks. */
const EVERY_MS = 10_000

const CONNECT_MS = 5_000

/** Makes the queues of plans, or brings them to what the plans say. Throws what ensureQueues and connectNats throw. */
export async function makeQueues(
  url: string,
  plans: readonly QueuePlan[],
  connecting: Pick<NatsOptions, 'firstWithinMs'> = {},
): Promise<void> {
  // A connection that is open for longer may be slow to notice that the server was started again.
  const connection = await connectNats({ url, name: 'jobico dev', ...connecting })
  try {
    for (const plan of plans) await ensureQueues(connection, plan)
  } finally {
    await connection.close()
  }
}

/** Looks every ten seconds whether the queues of the plans are as they should be, and mends them; the answer ends that. */
export function keepQueues(url: string, plans: () => readonly QueuePlan[]): () => Promise<void> {
  const ending = new AbortController()
  const { signal } = ending
  const keep = async () => {
    for (;;) {
      await delay(EVERY_MS, undefined, { signal, ref: false })
      await makeQueues(url, plans(), { firstWithinMs: CONNECT_MS }).catch(() => undefined) // the next look is as good
    }
  }
  const kept = keep().catch(() => undefined)
  return async () => {
    ending.abort()
    await kept
  }
}
