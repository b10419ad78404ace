import { setTimeout as delay } from 'node:timers/promises'

import { connectNats, type NatsOptions } from '../../../functions/jetstream/connection.ts'
import { ensureQueues } from '../../../functions/queues/lifecycle.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { QueuePlan } from '../../../functions/queues/stream-config.ts'
import { upgradeStreams, type UpgradeProgress } from '../../../functions/upgrade/upgrade.ts'
import type { LocalQueuePlan } from '../desired-processes.ts'

/** As often as the operator reconciles. */
const EVERY_MS = 10_000

const CONNECT_MS = 5_000
const AGAIN_MS = 200

/** Where NATS is, and with which credentials. */
type Access = Pick<NatsOptions, 'url' | 'credentials'>

/** Creates or updates the queues of plans. Throws what ensureQueues and connectNats throw. */
export async function makeQueues(
  access: Access,
  plans: readonly QueuePlan[],
  connecting: Pick<NatsOptions, 'firstWithinMs'> = {},
): Promise<void> {
  // Connects anew each time, because an open connection may be slow to notice a restart of the server.
  const connection = await connectNats({ ...access, name: 'jobico dev', ...connecting })
  try {
    for (const plan of plans) await ensureQueues(connection, plan)
  } finally {
    await connection.close()
  }
}

/** Reconciles the queues with the plans every ten seconds, until the function that it returns is called. */
export function keepQueues(access: Access, plans: () => readonly QueuePlan[]): () => Promise<void> {
  const ending = new AbortController()
  const { signal } = ending
  const keep = async () => {
    for (;;) {
      await delay(EVERY_MS, undefined, { signal, ref: false })
      await makeQueues(access, plans(), { firstWithinMs: CONNECT_MS }).catch(() => undefined) // tries again next time
    }
  }
  const kept = keep().catch(() => undefined)
  return async () => {
    ending.abort()
    await kept
  }
}

/**
 * Moves what version 0.1.0 of `jobico dev` stored in this folder; nothing of it runs any more. `onProgress` is told in words
 * how far it is. Throws what upgradeStreams and connectNats throw.
 */
export async function upgradeQueues(
  access: Access,
  plans: readonly LocalQueuePlan[],
  onProgress: (text: string) => void,
): Promise<void> {
  const connection = await connectNats({ ...access, name: 'jobico dev' })
  try {
    for (const { ref, outputs } of plans) {
      const report = ({ moved, left }: UpgradeProgress) => {
        if (moved + left > 0) onProgress(progressText(ref, moved, left))
      }
      // What a killed upgrade still had on its way to NATS may disturb the first call.
      while (!(await upgradeStreams(connection, { ref, outputs, onProgress: report })).finished)
        await delay(AGAIN_MS)
    }
  } finally {
    await connection.close()
  }
}

function progressText({ job }: JobRef, moved: number, left: number): string {
  const rest = left === 0 ? '' : `, ${left} are left`
  return `${job}: moved ${moved} messages that version 0.1.0 stored in this folder${rest}`
}
