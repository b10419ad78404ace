import { formatBytes } from '../jetstream/refusal.ts'

/** How much a stream holds, and how much it may; a limit of -1 is none. */
export interface StorageUsage {
  readonly bytes: number
  readonly maxBytes: number
}

/** So close to its limit a stream of outcomes counts as full: the largest dead letter still needs as much. */
const MARGIN_BYTES = 1024 * 1024

/** Whether a stream of outcomes has no room for more. Pure. */
export function isFull({ bytes, maxBytes }: StorageUsage): boolean {
  return maxBytes > 0 && bytes > maxBytes - Math.min(MARGIN_BYTES, maxBytes / 10)
}

/** What it means that the outcomes are full, and how to mend it. Pure. */
export function outcomesFullMessage({ bytes, maxBytes }: StorageUsage): string {
  return (
    `the outcomes take ${formatBytes(bytes)} of ${formatBytes(maxBytes)}, and nothing is run until some are gone; raise ` +
    '`spec.queue.maxBytes`, shorten `doneRetentionSeconds`, or purge dead letters'
  )
}
