import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'

import { forEachConcurrently } from '../process/concurrency.ts'
import { answerIfThere, answerTo } from '../jetstream/manager.ts'
import type { Outgoing } from '../jetstream/requests.ts'
import { deleteMessage, lastMessage, messageAt, type StoredMessage } from '../jetstream/stored-message.ts'
import { newestRecord } from '../outcomes/event-state.ts'
import { readHistory } from '../outcomes/history.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { acknowledge, readOld, store, type Moving } from './context.ts'
import { handOverAgain } from './hand-over-again.ts'
import { contentOf, deadRecord, doneRecord, type OldContent } from './new-records.ts'
import { oldStreamNames, oldSubjects, type OldMessage } from './old-layout.ts'
import { pullOld } from './pull.ts'

/** The consumer that keeps how far the outcomes of a Job are copied. */
export const UPGRADE_CONSUMER = 'jobico-upgrade'
const AT_ONCE = 32

/**
 * Copies the outcomes of 0.1.0 that were not copied yet. They stay in the old stream too, for as long as runners of 0.1.0 may
 * look there; its consumer remembers how far the copy is. Throws QUEUE_UNAVAILABLE and QUEUE_FULL.
 */
export async function copyOutcomes(moving: Moving): Promise<void> {
  const stream = oldStreamNames(moving.ref).outcomes
  if (!(await ensureConsumer(moving, stream))) return
  let before: OldMessage | undefined
  for (;;) {
    const { messages, more } = await pullOld(moving.requests.connection, {
      stream,
      consumer: UPGRADE_CONSUMER,
    })
    const last = messages.at(-1)
    if (last !== undefined) {
      await copyPage(moving, messages, before)
      await acknowledge(moving, last)
      moving.onMoved(messages.length)
      before = last
    }
    if (!more) return
  }
}

/** Makes the consumer, anew if a process that died left messages unacknowledged; false if there is no such stream. */
async function ensureConsumer({ manager }: Moving, stream: string): Promise<boolean> {
  const existing = await answerIfThere(manager.consumers.info(stream, UPGRADE_CONSUMER))
  if (existing !== undefined && existing.num_ack_pending === 0) return true
  if (existing !== undefined) await answerIfThere(manager.consumers.delete(stream, UPGRADE_CONSUMER))
  if ((await answerIfThere(manager.streams.info(stream))) === undefined) return false
  const copied = existing?.ack_floor.stream_seq ?? 0
  await answerTo(
    manager.consumers.add(stream, {
      durable_name: UPGRADE_CONSUMER,
      ack_policy: AckPolicy.All,
      max_ack_pending: -1,
      ...(copied === 0
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: copied + 1 }),
    }),
  )
  return true
}

async function copyPage(
  moving: Moving,
  page: readonly OldMessage[],
  before: OldMessage | undefined,
): Promise<void> {
  const now = moving.now()
  const refused: OldMessage[] = []
  await Promise.all(
    page.map(async (message, at) => {
      if (isDeadVerdict(message)) return // its event is in the next message, and repeats it
      if (message.kind === 'dead-body' && !(await hasVerdict(moving, message, page[at - 1] ?? before))) return
      const record = recordOf(message, now)
      if (record !== undefined && !(await store(moving, record))) refused.push(message)
    }),
  )
  await forEachConcurrently(refused, AT_ONCE, (message) => copyOutcome(moving, message))
}

function isDeadVerdict({ kind, headers }: OldMessage): boolean {
  return kind === 'verdict' && headers?.get(JOBICO_HEADERS.verdict) === 'dead'
}

/** Whether the verdict of a dead letter stands: it was stored right before it. Without it, its event is a leftover. */
async function hasVerdict(
  { requests }: Moving,
  { key, ref, seq }: OldMessage,
  before: OldMessage | undefined,
): Promise<boolean> {
  if (before?.seq === seq - 1) return before.key === key && isDeadVerdict(before)
  const found = await messageAt(requests, oldStreamNames(ref).outcomes, seq - 1)
  return found?.subject === oldSubjects(ref).verdict(key)
}

function recordOf(message: OldContent, now: number): Outgoing | undefined {
  const isDone = message.headers?.get(JOBICO_HEADERS.verdict) === 'done'
  return isDone ? doneRecord(message, now) : deadRecord(message, now)
}

/**
 * Copies an outcome whose event has records already. An outcome of this version stands, and so does a copy that was made
 * before. Anything else was ended by a runner of 0.1.0 after it was moved, and gives way.
 */
export async function copyOutcome(moving: Moving, outcome: OldContent): Promise<void> {
  const { requests } = moving
  const { ref, key } = outcome
  for (;;) {
    const record = recordOf(outcome, moving.now())
    if (record === undefined) return
    const newest = await newestRecord(requests, ref, key)
    if (newest?.kind === 'done') return
    const letter = await lastMessage(
      requests,
      streamNames(ref).events,
      eventSubjects(ref).record(key, 'dead'),
    )
    if (letter !== undefined && madeAt(letter) >= madeAt(outcome)) return
    if (newest !== undefined)
      await giveWay(moving, outcome, [newest, ...(letter === undefined ? [] : [letter])])
    if (await store(moving, record)) return
  }
}

/** Removes records for an outcome of 0.1.0, which may not have handed anything over yet. */
async function giveWay(
  moving: Moving,
  outcome: OldContent,
  [newest, ...others]: readonly [StoredMessage, ...StoredMessage[]],
): Promise<void> {
  const { ref, headers } = outcome
  if (headers?.get(JOBICO_HEADERS.verdict) === 'done')
    await handOverAgain(moving, outcome, readHistory(newest.headers).hops)
  // Before the outcome is stored: a scheduled retry that was left behind would run the event again.
  for (const { seq } of [newest, ...others])
    await deleteMessage(moving.requests, streamNames(ref).events, seq)
}

/** Copies the dead letter of an event, if it has one. */
export async function copyDeadLetter(moving: Moving, ref: EventRef, key: string): Promise<void> {
  const body = await readOld(moving.requests, oldStreamNames(ref).outcomes, oldSubjects(ref).deadBody(key))
  if (body !== undefined) await copyOutcome(moving, contentOf(ref, key, body))
}

function madeAt({ headers }: Pick<OldContent, 'headers'>): number {
  return Date.parse(headers?.get(JOBICO_HEADERS.time) ?? '') || 0
}
