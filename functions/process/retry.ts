import { setTimeout as delay } from 'node:timers/promises'

import { JobicoError } from './errors.ts'

/** How long to keep trying, and who hears of it. */
export interface RetryOptions {
  /** How long after its first failure a step is tried again. */
  readonly limitMs: number
  /** Ends every wait, with an AbortError. */
  readonly signal: AbortSignal
  /** Called before each wait, with its reason. */
  readonly onWait: (reason: string) => void
}

/**
 * Runs a step until it succeeds, and gives its result. While NATS is away or full it tries again; `tries` counts from 1.
 * Throws any other fault of the step at once, and QUEUE_UNAVAILABLE or QUEUE_FULL after the limit.
 */
export type Retry = <T>(step: (tries: number) => Promise<T>) => Promise<T>

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

/** Runs a step once: its first fault is thrown. */
export const withoutRetry: Retry = (step) => step(1)

/** Makes a Retry with exponential waits from 50 ms to 1 s. A step must be safe to repeat. */
export function createRetry({ limitMs, signal, onWait }: RetryOptions): Retry {
  return async (step) => {
    let since: number | undefined
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted()
      try {
        return await step(tries)
      } catch (fault) {
        since ??= performance.now()
        if (!isTransient(fault) || performance.now() - since >= limitMs) throw fault
        onWait(fault.message)
        await delay(Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS), undefined, { signal })
      }
    }
  }
}

/** Whether a fault may go away by itself. */
function isTransient(fault: unknown): fault is JobicoError {
  return fault instanceof JobicoError && (fault.code === 'QUEUE_UNAVAILABLE' || fault.code === 'QUEUE_FULL')
}

/**
 * Says in words why retried work stopped early: it was aborted, or NATS was away or full too long. Throws any other fault.
 */
export function whyStopped(fault: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it was interrupted'
  if (isTransient(fault)) return fault.message
  throw fault
}
