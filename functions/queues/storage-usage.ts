import { formatBytes } from '../jetstream/stream-refusal.ts'

/** How many bytes a stream holds, and how many it may; -1 means no limit. */
export interface StorageUsage {
  readonly bytes: number
  readonly maxBytes: number
}

/** An outcome stream counts as full this close to its limit, because the largest dead letter needs that much. */
const MARGIN_BYTES = 1024 * 1024

/** Whether an outcome stream has no room for more. Pure. */
export function isFull({ bytes, maxBytes }: StorageUsage): boolean {
  return maxBytes > 0 && bytes > maxBytes - Math.min(MARGIN_BYTES, maxBytes / 10)
}

/** Says that the outcome stream is full, and how to fix that. Pure. */
export function outcomesFullMessage({ bytes, maxBytes }: StorageUsage): string {
  return (
    `the outcomes take ${formatBytes(bytes)} of ${formatBytes(maxBytes)}, and nothing is run until some are gone; raise ` +
    '`spec.queue.maxBytes`, shorten `doneRetentionSeconds`, or purge dead letters'
  )
}
