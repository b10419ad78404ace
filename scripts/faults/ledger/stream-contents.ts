import type { JetStreamManager } from '@nats-io/jetstream'

import { answerIfThere, subjectsIn } from '../../../functions/jetstream/manager.ts'
import { eventSubjects, parseSubject, streamNames, type EventRef } from '../../../functions/queues/names.ts'
import type { Requests } from '../../../functions/jetstream/requests.ts'
import { readVerdict } from '../../../functions/outcomes/event-state.ts'
import type { Verdict } from '../../../functions/outcomes/verdict.ts'
import type { Ending, StreamContents } from './audit.ts'

/** The connections through which to read the streams. */
export interface Store {
  readonly requests: Requests
  readonly manager: JetStreamManager
}

const AT_ONCE = 50

/**
 * Reads what the streams hold for an event: queue, retries, outcomes. That is the order in which events move, so none is
 * missed. Throws QUEUE_UNAVAILABLE.
 */
export async function readStreamContents(
  { requests, manager }: Store,
  ref: EventRef,
): Promise<StreamContents> {
  const names = streamNames(ref)
  const subjects = eventSubjects(ref)
  const keysIn = async (stream: string, filter: string) =>
    [...((await subjectsIn(manager, stream, filter)) ?? new Map<string, number>()).keys()].map(
      (subject) => parseSubject(subject).key,
    )
  const queued = await keysIn(names.queue, subjects.queued('*'))
  const retried = await keysIn(names.retry, subjects.retry('*'))
  const ended = await keysIn(names.outcomes, subjects.verdict('*'))
  const endings = new Map<string, Ending>()
  for (let from = 0; from < ended.length; from += AT_ONCE) {
    const some = ended.slice(from, from + AT_ONCE)
    await Promise.all(
      some.map(async (key) => {
        const stored = await readVerdict(requests, ref, key)
        if (stored !== undefined) endings.set(key, endingOf(stored.verdict))
      }),
    )
  }
  const info = await answerIfThere(manager.streams.info(names.outcomes))
  return { pending: new Set([...queued, ...retried]), endings, written: info?.state.last_seq }
}

function endingOf(verdict: Verdict): Ending {
  const { kind, attempts } = verdict
  return verdict.kind === 'dead' ? { kind, attempts, code: verdict.code } : { kind, attempts }
}

/** The number of messages in the queue and the retry stream of the event's Job. Throws QUEUE_UNAVAILABLE. */
export async function countPending({ manager }: Store, ref: EventRef): Promise<number> {
  const { queue, retry } = streamNames(ref)
  const infos = await Promise.all([queue, retry].map((name) => answerIfThere(manager.streams.info(name))))
  return infos.reduce((sum, info) => sum + (info?.state.messages ?? 0), 0)
}
