import type { Failure } from '../../guests/abi.ts'
import type { ErrorCode } from '../../process/errors.ts'

/** How often an event is tried, and how long it waits before a retry. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

/** What happens to an event after a failure: a retry later, or its end as a dead letter. */
export type Decision =
  | { readonly kind: 'later'; readonly delayMs: number; readonly code: ErrorCode; readonly reason: string }
  | { readonly kind: 'dead'; readonly code: ErrorCode; readonly reason: string }

/**
 * Decides what happens to an event whose `attempt`-th execution (from 1) failed. Pure: `random`, from 0 to 1, picks the
 * delay.
 */
export function decide(failure: Failure, attempt: number, policy: RetryPolicy, random: number): Decision {
  const { code, reason } = failure
  if (failure.kind === 'reject' || attempt >= policy.maxAttempts) return { kind: 'dead', code, reason }
  return { kind: 'later', delayMs: failure.afterMs ?? backoffMs(attempt, policy, random), code, reason }
}

/**
 * The delay after the `attempt`-th failure: exponential backoff with full jitter. It lies anywhere between `minDelayMs` and
 * `minDelayMs` doubled `attempt` times, which is at most `maxDelayMs`.
 */
export function backoffMs(attempt: number, { minDelayMs, maxDelayMs }: RetryPolicy, random: number): number {
  const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** attempt)
  return Math.round(minDelayMs + random * Math.max(0, ceiling - minDelayMs))
}
