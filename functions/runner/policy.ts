import type { Outcome } from '../guests/abi.ts'
import type { ErrorCode } from '../shared/errors.ts'

/** How often and after what time an event is tried again. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

/** An execution that did not end well. */
export type Failure = Exclude<Outcome, { kind: 'ok' }>

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

/** How much work one pull should bring: about 200 ms of it, so that nothing waits here while another runner is free. */
const HORIZON_MS = 200

/** How many messages to hold beyond those that are executed, from the mean time of an execution; at most `max`. */
export function prefetch(concurrency: number, meanExecutionMs: number, max: number): number {
  return Math.min(max, Math.floor((concurrency * HORIZON_MS) / Math.max(meanExecutionMs, 0.01)))
}

/** How much work may lie at one thread, so that it need not be woken for each event: what it runs in 2 ms. */
const THREAD_HORIZON_MS = 2
const MAX_THREAD_BACKLOG = 16

/** How many events may lie at one thread, that which runs included, from the mean time of an execution; at least one. */
export function threadBacklog(meanExecutionMs: number): number {
  return Math.max(1, Math.min(MAX_THREAD_BACKLOG, Math.floor(THREAD_HORIZON_MS / meanExecutionMs)))
}

/** Weight of the newest execution in the mean of execution times. */
const NEWEST_WEIGHT = 0.05

/** The mean of execution times after one more; Infinity stands for none so far. */
export function meanWith(meanMs: number, newestMs: number): number {
  return meanMs === Infinity ? newestMs : meanMs + (newestMs - meanMs) * NEWEST_WEIGHT
}
