import type { Log } from '../../functions/process/log.ts'
import { createChecker, type Checker } from './checker.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

/** Where what users have written is checked. */
export interface Checks extends Checker {
  /** The turns of all checks. What a check needs is read in its turn, too. */
  readonly queue: FairQueue
  /** Reads something large of a namespace when its turn comes. */
  readonly inTurn: <T>(namespace: string, read: () => Promise<T>) => Promise<T>
  /** Tells that a Job, `<namespace>/<name>`, may go on. */
  readonly onDone: (job: string) => void
}

/** Two checks at once: one for those that take long, and one that the others always have. */
const SLOTS = 2
/** So many objects with their data are in memory at once. */
const READS = 4

/**
 * Makes the place of all checks; `onDone` is called when a check has ended that a Job was told to be pending. Those without a
 * result are logged.
 */
export function createChecks(log: Log, onDone: (job: string) => void): Checks {
  const checker = createChecker()
  const reads = createFairQueue({ slots: READS })
  return {
    close: checker.close,
    async check(namespace, request, bytes) {
      const answer = await checker.check(namespace, request, bytes)
      if ('failed' in answer) log.warn({ namespace, ...request, ...answer }, 'A check came to no end')
      return answer
    },
    queue: createFairQueue({ slots: SLOTS }),
    inTurn: (namespace, read) => reads.run(namespace, false, read),
    onDone,
  }
}
