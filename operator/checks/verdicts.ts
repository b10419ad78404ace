import { setTimeout as delay } from 'node:timers/promises'

import { backoffMs } from '../backoff.ts'
import type { CheckFailure } from './check-process.ts'
import type { FairQueue } from './fair-queue.ts'

/** What is to be checked, for whom. */
export interface ToCheck {
  /** Checks of one tenant are made one after another, and share what one tenant may take. */
  readonly tenant: string
  /** The same for the same input; it has the input's digest. */
  readonly key: string
  /** Whether the check needs more memory than others. */
  readonly large: boolean
  /** What is told to `onDone` if nobody waits any more when the check ends. */
  readonly wake: string
}

/** A verdict; or that the check is not done yet; or that it came to no end, and when it is tried again. */
export type Verdict<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'pending' }
  | { readonly kind: 'failed'; readonly failure: CheckFailure; readonly again: Date }

/** The verdicts on inputs that were checked. Nothing of an input itself is kept. */
export interface Verdicts<T> {
  /**
   * Gives the verdict on an input if it is known or comes at once. Otherwise `check` goes on by itself, and `onDone` tells when
   * it has ended. `check` is called when its turn comes, and gives undefined if the input is not there any more. What it
   * throws is thrown here, now or the next time that somebody asks.
   */
  ask(input: ToCheck, check: () => Promise<T | CheckFailure | undefined>): Promise<Verdict<T>>
  /** Forgets a verdict, so that the input is checked again. */
  forget(key: string): void
}

/** How verdicts are come to. */
export interface VerdictsOptions {
  readonly queue: FairQueue
  /** Called with `wake` of all who were told that a check is pending. */
  readonly onDone: (wake: string) => void
  /** How long somebody who asks waits for a check, in milliseconds. */
  readonly patienceMs?: number
  /** The time in milliseconds since the epoch. */
  readonly now?: () => number
}

/** Most checks take less; who waits longer keeps others from being reconciled. */
const PATIENCE_MS = 300
const MOST_KNOWN = 5_000
/** A check that came to no end is tried again after this time, and each time after twice that. */
const AGAIN = { firstMs: 60_000, maxMs: 3_600_000 }

interface Failed {
  readonly failure: CheckFailure
  readonly count: number
  readonly againMs: number
}

/** Makes an empty memory of verdicts. */
export function createVerdicts<T extends object>(options: VerdictsOptions): Verdicts<T> {
  const { queue, onDone, patienceMs = PATIENCE_MS, now = Date.now } = options
  const known = new Map<string, T>()
  const failed = new Map<string, Failed>()
  /** The checks that wait or run, by tenant and key, and who is to be told. */
  const running = new Map<string, Set<string>>()
  /** What was thrown by the last check, by tenant and key. */
  const thrown = new Map<string, unknown>()

  const keep = (key: string, result: T | CheckFailure) => {
    if (!('failed' in result)) {
      failed.delete(key)
      setBounded(known, key, result)
      return
    }
    const failure = result
    const count = (failed.get(key)?.count ?? 0) + 1
    setBounded(failed, key, { failure, count, againMs: now() + backoffMs(AGAIN, count) })
  }
  const verdictOn = (key: string): Exclude<Verdict<T>, { kind: 'pending' }> | undefined => {
    const value = known.get(key)
    if (value !== undefined) return { kind: 'known', value }
    const found = failed.get(key)
    return found && { kind: 'failed', failure: found.failure, again: new Date(found.againMs) }
  }
  const begin = async (
    { tenant, key, large }: ToCheck,
    check: () => Promise<T | CheckFailure | undefined>,
  ): Promise<void> => {
    const id = idOf(tenant, key)
    const waiters = new Set<string>()
    running.set(id, waiters)
    try {
      const result = await queue.run(tenant, large, check)
      thrown.delete(id)
      if (result !== undefined) keep(key, result)
      for (const waiter of waiters) onDone(waiter)
    } catch (fault) {
      // Nobody is woken: who was told that it is pending looks again before long, and at once could go on without a pause.
      setBounded(thrown, id, fault)
      throw fault
    } finally {
      running.delete(id)
    }
  }
  return {
    forget: (key) => void known.delete(key),
    async ask(input, check) {
      const { tenant, key, wake } = input
      const id = idOf(tenant, key)
      const verdict = verdictOn(key)
      if (verdict !== undefined && isFinal(verdict, now())) return verdict
      if (!running.has(id) && (await endsWithin(begin(input, check), patienceMs)))
        return verdictOn(key) ?? PENDING
      running.get(id)?.add(wake)
      // Until there is something new to tell.
      if (thrown.has(id)) throw thrown.get(id)
      return verdict ?? PENDING
    },
  }
}

const PENDING = { kind: 'pending' } as const

/** Whether nothing is to be checked now. */
function isFinal<T>(verdict: Verdict<T>, nowMs: number): boolean {
  return verdict.kind === 'known' || (verdict.kind === 'failed' && verdict.again.getTime() > nowMs)
}

/** Whether a task ends within a time, in milliseconds. Throws what it throws by then, and nothing after that. */
async function endsWithin(task: Promise<void>, ms: number): Promise<boolean> {
  const late = new AbortController()
  const { signal } = late
  const ended = task.then(() => true)
  try {
    return await Promise.race([ended, delay(ms, false, { signal })])
  } finally {
    ended.catch(() => undefined)
    late.abort()
  }
}

function idOf(tenant: string, key: string): string {
  return `${tenant} ${key}`
}

/** Sets an entry as the newest, and forgets the oldest where there are too many. */
function setBounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MOST_KNOWN && oldest !== undefined) map.delete(oldest)
}
