import { setTimeout as delay } from 'node:timers/promises'

import { JobicoError } from './errors.ts'

/** How long to go on asking. */
export interface RetryOptions {
  /** How long one step may stay without an answer. */
  readonly limitMs: number
  /** Ends every wait, with an AbortError. */
  readonly signal: AbortSignal
  /** Hears why a step has to wait, each time it does. */
  readonly onWait: (reason: string) => void
}

/**
 * Runs a step, again and again while NATS is away or full, and gives what it gave in the end; `tries` counts from 1. Throws
 * what the step throws, QUEUE_UNAVAILABLE and QUEUE_FULL only past the limit.
 */
export type Retry = <T>(step: (tries: number) => Promise<T>) => Promise<T>

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

/** No patience at all: the first fault is thrown. */
export const withoutRetry: Retry = (step) => step(1)

/** Makes what runs steps patiently. A step must be safe to repeat. */
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

/** Why patient work ended before it was through, in words. Throws a fault that is no reason of that kind. */
export function whyStopped(fault: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it was interrupted'
  if (isTransient(fault)) return fault.message
  throw fault
}
