import type { Failure } from '../../guests/abi.ts'
import type { ErrorCode } from '../../process/errors.ts'

/** How often and after what time an event is tried again. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

/** What is to become of an event after a failure. */
export type Decision =
  | { readonly kind: 'later'; readonly delayMs: number; readonly code: ErrorCode; readonly reason: string }
  | { readonly kind: 'dead'; readonly code: ErrorCode; readonly reason: string }

/**
 * Decides what becomes of an event whose `attempt`-th execution (from 1) failed. Pure: `random` is a number from 0 up to
 * 1 that picks the delay.
 */
export function decide(failure: Failure, attempt: number, policy: RetryPolicy, random: number): Decision {
  const { code, reason } = failure
  if (failure.kind === 'reject' || attempt >= policy.maxAttempts) return { kind: 'dead', code, reason }
  return { kind: 'later', delayMs: failure.afterMs ?? backoffMs(attempt, policy, random), code, reason }
}

/**
 * The delay after the `attempt`-th failure: exponential with full jitter, which is anywhere between the smallest delay
 * and the smallest delay doubled `attempt` times, up to the largest delay.
 */
export function backoffMs(attempt: number, { minDelayMs, maxDelayMs }: RetryPolicy, random: number): number {
  const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** attempt)
  return Math.round(minDelayMs + random * Math.max(0, ceiling - minDelayMs))
}
