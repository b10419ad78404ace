import { formatBytes } from '../jetstream/stream-refusal.ts'
import type { Backlog } from './backlog.ts'
import { roomLimits } from './room.ts'

/** Which room of a Job is used up. */
export interface FullRoom {
  readonly reason: 'DeadLettersFull' | 'HandOversFull'
  /** What that means, and what can be done. */
  readonly message: string
}

/** Says whether the dead letters of a Job, or its retries and hand-overs, have used up their room; undefined if not. Pure. */
export function fullRoom({ undone, maxBytes }: Pick<Backlog, 'undone' | 'maxBytes'>): FullRoom | undefined {
  const limits = roomLimits(maxBytes)
  if (undone === undefined) return undefined
  if (undone.dead >= limits.dead)
    return {
      reason: 'DeadLettersFull',
      message:
        `the dead letters take ${formatBytes(undone.dead)} of ${formatBytes(limits.dead)}; events that would die wait, and ` +
        (undone.waiting < limits.waiting / 2
          ? 'others go on; redrive or purge dead letters, or raise `spec.queue.maxBytes`'
          : 'no new ones are run, since those that wait have used up their room too; purge dead letters, or raise `spec.queue.maxBytes`'),
    }
  if (undone.waiting >= limits.waiting)
    return {
      reason: 'HandOversFull',
      message:
        `retries and hand-overs take ${formatBytes(undone.waiting)} of ${formatBytes(limits.waiting)}; events that hand over ` +
        'to others wait until some are done; see whether the events that take them are run, or raise `spec.queue.maxBytes`',
    }
  return undefined
}
