import type { NatsConnection } from '@nats-io/transport-node'

import type { DeadLetterFilter, DeadLetterOptions } from '../../../functions/dead-letters/dead-letters.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import { checkEvent } from '../target/unknown-name.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { queuesOf } from '../target/queues.ts'
import { atPlatform, type ClusterOptions } from '../target/target.ts'

/** How long NATS may be away, or full, before a verb gives up. */
const PATIENCE_MS = 120_000

/** What a verb that works on dead letters stands on. */
export interface DeadLetterSession {
  readonly connection: NatsConnection
  readonly ref: JobRef
  readonly work: DeadLetterOptions
  readonly progress: Progress
  /** Throws an Error when the event that the filter names is not there: for when nothing was found. */
  checkFilter(): Promise<void>
}

/** Calls `use` with the queue of a Job. Throws an Error when there is no such Job. */
export async function withDeadLetters<T>(
  job: string,
  filter: DeadLetterFilter,
  options: ClusterOptions,
  use: (place: DeadLetterSession) => Promise<T>,
): Promise<T> {
  const signal = stopSignal()
  return await atPlatform(options, async (platform) => {
    const [ref] = await queuesOf(platform, job)
    const progress = createProgress(process.stderr)
    const onWait = (reason: string) => {
      progress.show(`waiting: ${reason}`)
    }
    try {
      return await use({
        ref,
        progress,
        connection: await platform.nats(),
        work: { filter, signal, limitMs: PATIENCE_MS, onWait },
        async checkFilter() {
          if (filter.event !== undefined) checkEvent(await platform.events(), filter.event, platform.place)
        },
      })
    } finally {
      progress.end()
    }
  })
}

/** Throws an Error that names the keys that no dead letter has, where there are any. */
export function checkMissing(job: string, missing: readonly string[]): void {
  const [first] = missing
  if (first === undefined) return
  throw new Error(
    `no dead letter of ${job} has the key ${missing.join(', ')}; see what became of it with: jobico get ${first}`,
  )
}
