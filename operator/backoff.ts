import { setTimeout as delay } from 'node:timers/promises'

/** Waiting times that double with each failure in a row, up to a maximum; in milliseconds. */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * How long to wait after so many failures in a row (1 or more). Jitter takes up to half of it, to spread the retries of
 * many.
 */
export function backoffMs({ firstMs, maxMs }: Backoff, failures: number): number {
  return Math.round(Math.min(firstMs * 2 ** (failures - 1), maxMs) * jitter())
}

/** A random factor from 0.5 to 1. */
export function jitter(): number {
  return 0.5 + Math.random() / 2
}

/** Waits that long, or until the signal aborts. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
