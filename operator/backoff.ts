import { setTimeout as delay } from 'node:timers/promises'

/** Waiting times that double with each fault in a row. */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
}

/** How long to wait after so many faults in a row (1 or more); up to half of it is left to chance, so that not all come back at once. */
export function backoffMs({ firstMs, maxMs }: Backoff, faults: number): number {
  return Math.round(Math.min(firstMs * 2 ** (faults - 1), maxMs) * jitter())
}

/** A factor from 0.5 to 1. */
export function jitter(): number {
  return 0.5 + Math.random() / 2
}

/** Waits; shorter when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
