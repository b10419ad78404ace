import type { NatsConnection } from '@nats-io/transport-node'

import {
  matchesFilter,
  deadLetterOfMessage,
  currentStateOf,
  type DeadLetter,
  type DeadLetterFilter,
} from './dead-letters.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { manage } from '../jetstream/manager.ts'
import { readStream } from '../jetstream/stream-reader.ts'
import { eventSubjects, streamNames, type JobRef } from '../queues/names.ts'
import { lastSequence } from '../outcomes/follow-outcomes.ts'
import { withoutRetry, type Retry } from '../process/retry.ts'
import { createRequests } from '../jetstream/requests.ts'

/** A dead letter that a scan has found. */
export interface FoundDeadLetter {
  readonly letter: DeadLetter
  /** The sequence under which the stream of events holds it. */
  readonly seq: number
  /** How many bodies are still to be read; the filter's codes and times may leave some of them out. */
  readonly left: number
}

/** How to scan dead letters. */
export interface ScanOptions {
  readonly filter: DeadLetterFilter
  /** The last sequence to read, so that dead letters stored during the scan are not part of it; by default the last one. */
  readonly upTo?: number
  readonly persist?: Retry
}

/**
 * Yields the dead letters of a Job that match a filter, the oldest first. It reads them a page at a time, without their
 * data. Events that were redriven and are done may be among them. Throws NOT_FOUND if the Job has no streams, and
 * QUEUE_UNAVAILABLE.
 */
export async function* scanDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  { filter, upTo, persist = withoutRetry }: ScanOptions,
): AsyncGenerator<FoundDeadLetter, void, undefined> {
  const last = upTo ?? (await persist(() => lastSequence(connection, ref)))
  const pages = readStream({
    ...{ connection, manager: await manage(connection), persist },
    stream: streamNames(ref).events,
    subjects: subjectsOf(ref, filter),
    headersOnly: true,
  })
  for await (const page of pages)
    for (const message of page) {
      if (message.seq > last) return
      const letter = deadLetterOfMessage(message)
      if (matchesFilter(letter, filter)) yield { letter, seq: message.seq, left: message.pending }
    }
}

/** JetStream can select by event and key, which are in the subject; all else is in the headers. */
function subjectsOf(ref: JobRef, { event = '*', keys = ['*'] }: DeadLetterFilter): string[] {
  const { record } = eventSubjects({ ...ref, event })
  return [...new Set(keys)].map((key) => record(key, 'dead'))
}

/** Dead letters, the newest first. */
export interface DeadLetters {
  readonly letters: readonly DeadLetter[]
  /** How many there are in all, also beyond the limit. */
  readonly total: number
}

/** Which dead letters, and how many of them at most. */
export interface DeadLetterQuery extends DeadLetterFilter {
  readonly limit: number
}

/**
 * The newest dead letters of a Job: events whose verdict is dead now. Throws NOT_FOUND if the Job has no streams, and
 * QUEUE_UNAVAILABLE.
 */
export async function listDeadLetters(
  connection: NatsConnection,
  ref: JobRef,
  { limit, ...filter }: DeadLetterQuery,
): Promise<DeadLetters> {
  let total = 0
  const newest: FoundDeadLetter[] = []
  for await (const found of scanDeadLetters(connection, ref, { filter })) {
    total++
    newest.push(found)
    if (newest.length >= 2 * limit) newest.splice(0, newest.length - limit)
  }
  newest.splice(0, newest.length - limit)
  const letters = await withDeadVerdict(connection, ref, newest)
  return { letters: letters.reverse(), total: total - (newest.length - letters.length) }
}

const LOOKS_AT_ONCE = 64

/** Drops the leftovers: keeps letters that are dead, or pending again. */
async function withDeadVerdict(
  connection: NatsConnection,
  ref: JobRef,
  found: readonly FoundDeadLetter[],
): Promise<DeadLetter[]> {
  const requests = createRequests(connection)
  const leftovers = new Set<FoundDeadLetter>()
  try {
    await forEachConcurrently(found, LOOKS_AT_ONCE, async (each) => {
      const { event, key } = each.letter
      const { kind } = await currentStateOf(requests, { ...ref, event }, { key, seq: each.seq })
      if (kind === 'leftover') leftovers.add(each)
    })
    return found.filter((each) => !leftovers.has(each)).map(({ letter }) => letter)
  } finally {
    requests.close()
  }
}
