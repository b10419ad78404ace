import { AckPolicy, type ConsumerInfo } from '@nats-io/jetstream'

import { forEachConcurrently } from '../process/concurrency.ts'
import { allOf, answerIfThere, answerTo } from '../jetstream/manager.ts'
import type { ConsumerRef } from '../jetstream/pull.ts'
import { newestRecord } from '../outcomes/event-state.ts'
import { readHistory } from '../outcomes/history.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { acknowledge, oldVerdict, readOld, store, type Moving } from './context.ts'
import { handOverAgain } from './hand-over-again.ts'
import { contentOf, waitingRecord } from './new-records.ts'
import { isClosed, oldStreamNames, oldSubjects, type OldMessage } from './old-layout.ts'
import { copyDeadLetter, UPGRADE_CONSUMER } from './outcomes.ts'
import { pullOld } from './pull.ts'

const AT_ONCE = 32

/** Whose messages to move. */
export interface WaitingOptions {
  /**
   * The events whose messages are moved while runners of 0.1.0 may still run others: a runner of this version takes them
   * over. Undefined if no process of 0.1.0 is left: then everything is moved, also what such a process had not finished.
   */
  readonly served: ReadonlySet<string> | undefined
}

/**
 * Moves the events of 0.1.0 that wait: retries first, because the queue may hold earlier copies of them. Each is
 * acknowledged once its record is stored, or if it has one already. What a runner of 0.1.0 holds stays with it. Gives how
 * many messages had to stay, because their Job is gone and nobody knows where their results go. Throws QUEUE_UNAVAILABLE and
 * QUEUE_FULL.
 */
export async function moveWaiting(moving: Moving, { served }: WaitingOptions): Promise<number> {
  let kept = 0
  for (const stream of ['retry', 'queue'] as const) {
    const name = oldStreamNames(moving.ref)[stream]
    const info = await answerIfThere(moving.manager.streams.info(name))
    if (info === undefined) continue
    const isShared = served !== undefined && !isClosed(info, moving.ref, stream)
    const consumers = isShared ? await share(moving, stream, served) : await takeOver(moving, name)
    for (const { consumer, begun } of consumers)
      kept += await moveAll(moving, { stream: name, consumer }, begun)
  }
  return kept
}

/** A consumer to read from. */
interface Reading {
  readonly consumer: string
  /** The last message of an event that was delivered to a process of 0.1.0, by event: it may have been run. */
  readonly begun: ReadonlyMap<string, number>
}

/** Replaces the consumers of a stream by one for all its messages, which also gets those that were not acknowledged. */
async function takeOver({ manager }: Moving, stream: string): Promise<readonly Reading[]> {
  const consumers = await answerTo(allOf(manager.consumers.list(stream)))
  const begun = new Map(consumers.map(({ name, delivered }) => [name, delivered.stream_seq]))
  for (const { name } of consumers) await answerIfThere(manager.consumers.delete(stream, name))
  await makeConsumer(manager, stream)
  return [{ consumer: UPGRADE_CONSUMER, begun }]
}

/** The consumers that runners of 0.1.0 use too; each message goes to one of the two. */
async function share(
  { manager, ref }: Moving,
  stream: 'retry' | 'queue',
  served: ReadonlySet<string>,
): Promise<readonly Reading[]> {
  const name = oldStreamNames(ref)[stream]
  const consumers = await answerTo(allOf(manager.consumers.list(name)))
  const begun = new Map<string, number>()
  const shared = consumers
    .filter((each) => served.has(each.name))
    .map((each) => ({ consumer: each.name, begun }))
  if (stream === 'queue') return shared
  // Scheduled retries have no consumer of 0.1.0.
  const own = consumers.find((each) => each.name === UPGRADE_CONSUMER)
  if (own === undefined || isForAll(own)) {
    if (own !== undefined) await answerIfThere(manager.consumers.delete(name, UPGRADE_CONSUMER))
    await makeConsumer(manager, name, oldSubjects({ ...ref, event: '*' }).later('*'))
  }
  return [{ consumer: UPGRADE_CONSUMER, begun }, ...shared]
}

function isForAll({ config }: ConsumerInfo): boolean {
  return config.filter_subject === undefined || config.filter_subject === ''
}

async function makeConsumer(manager: Moving['manager'], stream: string, filter?: string): Promise<void> {
  await answerTo(
    manager.consumers.add(stream, {
      durable_name: UPGRADE_CONSUMER,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: -1,
      ...(filter === undefined ? {} : { filter_subject: filter }),
    }),
  )
}

async function moveAll(moving: Moving, from: ConsumerRef, begun: Reading['begun']): Promise<number> {
  let kept = 0
  for (;;) {
    const { messages, more } = await pullOld(moving.requests.connection, from)
    const left = await movePage(moving, messages, begun)
    kept += left
    moving.onMoved(messages.length - left)
    // What a listener of 0.1.0 has stored meanwhile waits for the next call.
    if (!more) return kept
  }
}

/** Moves a page. Messages that have run nowhere go first, in their order, without a look at anything else. */
async function movePage(
  moving: Moving,
  page: readonly OldMessage[],
  begun: Reading['begun'],
): Promise<number> {
  const isSuspect = (message: OldMessage) =>
    message.kind !== 'later' && (message.deliveries > 1 || message.seq <= lastBegun(begun, message))
  const examined: OldMessage[] = []
  await Promise.all(
    page.map(async (message) => {
      const isFresh = message.kind === 'queued' && !isSuspect(message)
      const isMoved =
        isFresh && (await store(moving, waitingRecord(message, { suspect: false, replaces: 0 })))
      if (isMoved) await acknowledge(moving, message)
      else examined.push(message)
    }),
  )
  let kept = 0
  examined.sort((a, b) => a.seq - b.seq)
  await forEachConcurrently(examined, AT_ONCE, async (message) => {
    if (await moveOne(moving, message, isSuspect(message))) await acknowledge(moving, message)
    else kept++
  })
  return kept
}

function lastBegun(begun: Reading['begun'], { ref }: OldMessage): number {
  return Math.max(begun.get(ref.event) ?? 0, begun.get(UPGRADE_CONSUMER) ?? 0)
}

/** Moves a message of an event that may have other copies, or an outcome; false if it has to stay. */
async function moveOne(moving: Moving, message: OldMessage, suspect: boolean): Promise<boolean> {
  const { ref, key, headers } = message
  const history = readHistory(headers)
  const verdict = await oldVerdict(moving, ref, key)
  if (verdict !== undefined && verdict.seq !== history.redrive)
    return isDone(verdict) ? await handOverAgain(moving, contentOf(ref, key, verdict), history.hops) : true
  if (message.kind === 'queued' || !(await hasLaterCopy(moving, message)))
    await storeWaiting(moving, message, { suspect, redriven: history.redrive !== undefined })
  return true
}

/** Stores the record of a message, unless its event has one; a redriven copy takes the place of its dead letter. */
async function storeWaiting(
  moving: Moving,
  message: OldMessage,
  { suspect, redriven }: { readonly suspect: boolean; readonly redriven: boolean },
): Promise<void> {
  const { ref, key } = message
  for (;;) {
    if (redriven) await copyDeadLetter(moving, ref, key)
    const newest = await newestRecord(moving.requests, ref, key)
    if (newest !== undefined && !(redriven && newest.kind === 'dead')) return
    const waiting = { suspect, replaces: newest?.seq ?? 0 }
    if (await store(moving, waitingRecord(message, waiting))) return
  }
}

function isDone({ headers }: Pick<OldMessage, 'headers'>): boolean {
  return headers?.get(JOBICO_HEADERS.verdict) === 'done'
}

/** Whether another copy among the retries of 0.1.0 records more attempts at the event than this one. */
async function hasLaterCopy({ requests }: Moving, { ref, key, headers }: OldMessage): Promise<boolean> {
  const latest = await readOld(requests, oldStreamNames(ref).retry, oldSubjects(ref).retry(key))
  const [own, other] = [readHistory(headers), readHistory(latest?.headers)]
  return latest !== undefined && other.redrive === own.redrive && other.attempts > own.attempts
}
