import type { NatsConnection } from '@nats-io/transport-node'

import { currentStateOf, type DeadLetter, type DeadLetterOptions } from './dead-letters.ts'
import { scanDeadLetters, type FoundDeadLetter } from './scan.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { streamNames, type JobRef } from '../queues/names.ts'
import { lastSequence } from '../outcomes/follow-outcomes.ts'
import { createRetry, whyStopped } from '../process/retry.ts'
import { createRequests } from '../jetstream/requests.ts'
import { deleteMessage } from '../jetstream/stored-message.ts'

/** How many dead letters of one kind there are. */
export interface DeadCount {
  readonly event: string
  readonly code: string
  readonly letters: number
}

/** What a purge would delete. */
export interface PurgePlan {
  /** By event and code. */
  readonly counts: readonly DeadCount[]
  readonly total: number
  /** Redriven and not ended yet: a purge does not delete them. */
  readonly pending: number
  /** Keys of the filter that no dead letter has. */
  readonly missing: readonly string[]
  /** The last sequence that was counted. Dead letters that come later are not part of the plan. */
  readonly upTo: number
}

/** How a purge ended. */
export interface Purged {
  readonly deleted: number
  readonly pending: number
  /** Why it stopped early; undefined if it did not. */
  readonly stopped: string | undefined
}

const AT_ONCE = 32

/** Counts what a purge would delete. Throws NOT_FOUND if the Job has no streams, and QUEUE_UNAVAILABLE. */
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
  const inspect = async ({ letter, seq }: FoundDeadLetter) => {
    const { event, key } = letter
    const { kind } = await persist(() => currentStateOf(requests, { ...ref, event }, { key, seq }))
    if (kind === 'leftover') return
    missing.delete(key)
    if (kind === 'pending') pending++
    else count(counts, letter)
  }
  try {
    const upTo = await persist(() => lastSequence(connection, ref))
    await forEachConcurrently(scanDeadLetters(connection, ref, { filter, upTo, persist }), AT_ONCE, inspect)
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
 * Deletes dead letters for good. It deletes each by its sequence, so a newer outcome of the same event stays. Dead letters that were redriven and have not ended stay, too. Safe to break off at any point and to
 * repeat. Throws NOT_FOUND if the Job has no streams. If NATS is away for too long, `stopped` says so.
 */
export async function purgeDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  { upTo, ...work }: DeadLetterOptions & Pick<PurgePlan, 'upTo'>,
): Promise<Purged> {
  const { filter, signal } = work
  const requests = createRequests(connection)
  const persist = createRetry(work)
  const { events } = streamNames(ref)
  const tally = { deleted: 0, pending: 0 }
  const purge = async ({ letter: { event, key }, seq }: FoundDeadLetter) => {
    const current = await persist(() => currentStateOf(requests, { ...ref, event }, { key, seq }))
    if (current.kind === 'pending') {
      tally.pending++
      return
    }
    if (current.kind === 'leftover') return
    // An earlier try that got no answer may have deleted it.
    const isOurs = await persist(async (tries) => (await deleteMessage(requests, events, seq)) || tries > 1)
    if (isOurs) tally.deleted++
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
