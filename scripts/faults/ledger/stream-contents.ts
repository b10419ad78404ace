import type { JetStreamManager } from '@nats-io/jetstream'

import { answerIfThere, subjectsIn } from '../../../functions/jetstream/manager.ts'
import type { Requests } from '../../../functions/jetstream/requests.ts'
import { lastMessage } from '../../../functions/jetstream/stored-message.ts'
import { verdictOfMessage, type Verdict } from '../../../functions/outcomes/verdict.ts'
import { countRecords, sum } from '../../../functions/queues/backlog.ts'
import { eventSubjects, parseSubject, streamNames, type EventRef } from '../../../functions/queues/names.ts'
import { keptVerdictsStream } from '../../testing/kept-verdicts.fixture.ts'
import type { Ending, StreamContents } from './audit.ts'

/** The connections through which to read the streams. */
export interface Store {
  readonly requests: Requests
  readonly manager: JetStreamManager
}

/** What to read from the copies that keepVerdicts makes. */
export interface KeptContents {
  /** How many verdicts each event has had. */
  readonly written?: boolean
  /** The verdicts themselves, since some of the Job's own were deleted to make room. */
  readonly endings?: boolean
}

const AT_ONCE = 50

/**
 * Reads what the streams hold for an event: the queue, then the records that wait, then the verdicts. That is the order in
 * which events move, so none is missed. Throws QUEUE_UNAVAILABLE.
 */
export async function readStreamContents(
  { requests, manager }: Store,
  ref: EventRef,
  from: KeptContents = {},
): Promise<StreamContents> {
  const names = streamNames(ref)
  const { queued, record, records } = eventSubjects(ref)
  const keptStream = keptVerdictsStream(ref)
  const keysIn = async (stream: string, filter: string) =>
    [...((await subjectsIn(manager, stream, filter)) ?? new Map<string, number>()).keys()].map(
      (subject) => parseSubject(subject).key,
    )
  const inQueue = await keysIn(names.queue, queued('*'))
  const later = await keysIn(names.events, record('*', 'later'))
  const due = await keysIn(names.events, record('*', 'due'))
  const holder = from.endings === true ? keptStream : names.events
  const done = await keysIn(holder, record('*', 'done'))
  const ended = new Set([...done, ...(await keysIn(holder, record('*', 'dead')))])
  const endings = new Map<string, Ending>()
  await inTurns([...ended], async (key) => {
    const last = await lastMessage(requests, holder, records(key))
    const kind = last && parseSubject(last.subject).kind
    if (last !== undefined && (kind === 'done' || kind === 'dead'))
      endings.set(key, endingOf(verdictOfMessage(last)))
  })
  return {
    pending: new Set([...inQueue, ...later, ...due]),
    endings,
    written: from.written === true ? await writtenByKey(manager, keptStream, records('*')) : undefined,
  }
}

async function inTurns(keys: readonly string[], read: (key: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < keys.length; from += AT_ONCE)
    await Promise.all(keys.slice(from, from + AT_ONCE).map(read))
}

async function writtenByKey(
  manager: JetStreamManager,
  stream: string,
  filter: string,
): Promise<ReadonlyMap<string, number>> {
  const written = new Map<string, number>()
  for (const [subject, count] of (await subjectsIn(manager, stream, filter)) ?? []) {
    const { key } = parseSubject(subject)
    written.set(key, (written.get(key) ?? 0) + count)
  }
  return written
}

function endingOf(verdict: Verdict): Ending {
  const { kind, attempts } = verdict
  return verdict.kind === 'dead' ? { kind, attempts, code: verdict.code } : { kind, attempts }
}

/** The number of messages of a Job in its queue, and of records that wait. Throws QUEUE_UNAVAILABLE. */
export async function countPending({ manager }: Store, ref: EventRef): Promise<number> {
  const queue = await answerIfThere(manager.streams.info(streamNames(ref).queue))
  const { waiting } = await countRecords(manager, ref)
  return (queue?.state.messages ?? 0) + sum(waiting)
}
