import type { NatsConnection } from '@nats-io/transport-node'

import { currentStateOf, type DeadLetter, type DeadLetterOptions } from './dead-letters.ts'
import { scanDeadLetters, type FoundDeadLetter } from './scan.ts'
import type { ErrorCode } from '../process/errors.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { streamNames, type JobRef } from '../queues/names.ts'
import { lastSequence } from '../outcomes/follow-outcomes.ts'
import { createRetry, whyStopped } from '../process/retry.ts'
import { createRequests } from '../jetstream/requests.ts'
import { deleteMessage } from '../jetstream/stored-message.ts'

/** How many dead letters of one kind there are. */
export interface DeadCount {
  readonly event: string
  readonly code: ErrorCode
  readonly letters: number
}

/** What a purge would delete. */
export interface PurgePlan {
  /** By event and code. */
  readonly counts: readonly DeadCount[]
  readonly total: number
  /** Redriven, and not ended yet: a purge leaves them alone. */
  readonly pending: number
  /** Keys of the filter that no dead letter has. */
  readonly missing: readonly string[]
  /** The last sequence that was looked at: what dies later is not part of it. */
  readonly upTo: number
}

/** How a purge ended. */
export interface Purged {
  readonly deleted: number
  readonly pending: number
  /** Why it ended before it was through; undefined when it was. */
  readonly stopped: string | undefined
}

const AT_ONCE = 32

/** Counts what a purge would delete. Throws NOT_FOUND when the Job has no streams, and QUEUE_UNAVAILABLE. */
export async function planPurge(
  connection: NatsConnection,
  ref: JobRef,
  work: DeadLetterOptions,
): Promise<PurgePlan> {
  const { filter } = work
  const requests = createRequests(connection)
  const persist = createRetry(work)
  const counts = new Map<string, DeadCount>()
  const missing = new Set(filter.keys)
  let pending = 0
  const look = async ({ letter, seq }: FoundDeadLetter) => {
    const { event, key } = letter
    const { kind } = await persist(() => currentStateOf(requests, { ...ref, event }, { key, seq }))
    if (kind === 'over') return
    missing.delete(key)
    if (kind === 'pending') pending++
    else count(counts, letter)
  }
  try {
    const upTo = await persist(() => lastSequence(connection, ref))
    await forEachConcurrently(scanDeadLetters(connection, ref, { filter, upTo, persist }), AT_ONCE, look)
    const all = [...counts.entries()].sort(([a], [b]) => a.localeCompare(b)).map(([, each]) => each)
    const total = all.reduce((sum, { letters }) => sum + letters, 0)
    return { counts: all, total, pending, missing: [...missing], upTo }
  } finally {
    requests.close()
  }
}

function count(counts: Map<string, DeadCount>, { event, code }: DeadLetter): void {
  const kind = `${event} ${code}`
  counts.set(kind, { event, code, letters: (counts.get(kind)?.letters ?? 0) + 1 })
}

/**
 * Deletes dead letters for good, with their verdicts, each by its sequence: one whose verdict has moved on stays as it is, as
 * does one that was redriven and has not ended. Safe to break off at any point and to do again. Throws NOT_FOUND when the
 * Job has no streams; that NATS was away for too long is in what it gives.
 */
export async function purgeDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  { upTo, ...work }: DeadLetterOptions & Pick<PurgePlan, 'upTo'>,
): Promise<Purged> {
  const { filter, signal } = work
  const requests = createRequests(connection)
  const persist = createRetry(work)
  const { outcomes } = streamNames(ref)
  const tally = { deleted: 0, pending: 0 }
  const purge = async ({ letter: { event, key }, seq }: FoundDeadLetter) => {
    const standing = await persist(() => currentStateOf(requests, { ...ref, event }, { key, seq }))
    if (standing.kind === 'pending') {
      tally.pending++
      return
    }
    // The verdict first: a body that is left without one is no dead letter, and is found again.
    if (standing.kind === 'dead') {
      // A try that got no answer may have deleted it.
      const isOurs = await persist(
        async (tries) => (await deleteMessage(requests, outcomes, standing.verdict)) || tries > 1,
      )
      if (isOurs) tally.deleted++
    }
    await persist(() => deleteMessage(requests, outcomes, seq))
  }
  let stopped: string | undefined
  try {
    await forEachConcurrently(scanDeadLetters(connection, ref, { filter, upTo, persist }), AT_ONCE, purge)
  } catch (fault) {
    stopped = whyStopped(fault, signal)
  } finally {
    requests.close()
  }
  return { ...tally, stopped }
}
