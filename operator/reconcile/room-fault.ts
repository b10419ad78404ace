import type { Backlog } from '../../functions/queues/backlog.ts'
import { fullRoom } from '../../functions/queues/full-room.ts'
import { usageText, type StorageReport } from '../../functions/storage/report.ts'
import { wrong, type Fault } from '../faults/fault.ts'

/** The fault of a Job whose dead letters, or retries and hand-overs, have used up their room; undefined if none have. Pure. */
export function roomFault(backlog: Pick<Backlog, 'undone' | 'maxBytes'>): Fault | undefined {
  const full = fullRoom(backlog)
  return full && wrong(full.reason, full.message)
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
