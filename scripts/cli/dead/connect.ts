import type { NatsConnection } from '@nats-io/transport-node'

import type { DeadLetterFilter, DeadLetterOptions } from '../../../functions/dead-letters/dead-letters.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import { checkEvent } from '../target/unknown-name.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { queuesOf } from '../target/queues.ts'
import { atPlatform, type ClusterOptions } from '../target/target.ts'

/** How long a command waits while NATS is unreachable or full. */
const NATS_LIMIT_MS = 120_000

/** What a command needs to work on the dead letters of a Job. */
export interface DeadLetterSession {
  readonly connection: NatsConnection
  readonly ref: JobRef
  readonly work: DeadLetterOptions
  readonly progress: Progress
  /** To call when nothing was found: throws an Error if the event that the filter names does not exist. */
  checkFilter(): Promise<void>
}

/** Calls `use` with the dead letters of a Job, and closes everything afterwards. Throws an Error if there is no such Job. */
export async function withDeadLetters<T>(
  job: string,
  filter: DeadLetterFilter,
  options: ClusterOptions,
  use: (session: DeadLetterSession) => Promise<T>,
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
        work: { filter, signal, limitMs: NATS_LIMIT_MS, onWait },
        async checkFilter() {
          if (filter.event !== undefined) checkEvent(await platform.events(), filter.event, platform.place)
        },
      })
    } finally {
      progress.end()
    }
  })
}

/** If there are keys without a dead letter, throws an Error that names them. */
export function checkMissing(job: string, missing: readonly string[]): void {
  const [first] = missing
  if (first === undefined) return
  throw new Error(
    `no dead letter of ${job} has the key ${missing.join(', ')}; see what became of it with: jobico get ${first}`,
  )
}
