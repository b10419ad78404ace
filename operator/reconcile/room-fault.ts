import type { Backlog } from '../../functions/queues/backlog.ts'
import { roomLimits } from '../../functions/queues/room.ts'
import { formatBytes } from '../../functions/jetstream/stream-refusal.ts'
import { usageText, type StorageReport } from '../../functions/storage/report.ts'
import { wrong, type Fault } from '../faults/fault.ts'

/** The fault of a Job whose dead letters, or retries and hand-overs, have used up their room; undefined if none have. Pure. */
export function roomFault({ undone, maxBytes }: Pick<Backlog, 'undone' | 'maxBytes'>): Fault | undefined {
  const limits = roomLimits(maxBytes)
  if (undone === undefined) return undefined
  if (undone.dead >= limits.dead)
    return wrong(
      'DeadLettersFull',
      `the dead letters take ${formatBytes(undone.dead)} of ${formatBytes(limits.dead)}; events that would die wait, and ` +
        'others go on; redrive or purge dead letters, or raise `spec.queue.maxBytes`',
    )
  if (undone.waiting >= limits.waiting)
    return wrong(
      'HandOversFull',
      `retries and hand-overs take ${formatBytes(undone.waiting)} of ${formatBytes(limits.waiting)}; events that hand over ` +
        'to others wait until some are done; see whether the events that take them are run, or raise `spec.queue.maxBytes`',
    )
  return undefined
}

/** The fault of every Job while the disk of a NATS server is nearly full. Pure. */
export function lowStorageFault(low: StorageReport | undefined): Fault | undefined {
  if (low === undefined) return undefined
  return wrong(
    'StorageLow',
    `the disk of the NATS server ${low.server} is used up to ${usageText(low.usage)}; no Job takes new events, and what was ` +
      'accepted goes on; purge what is not needed, or give NATS larger volumes',
  )
}
