import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import {
  ANSWER_MS,
  answerIfThere,
  answerTo,
  clockOf,
  manage,
  streamsOf,
  subjectsIn,
} from '../jetstream/manager.ts'
import { createRequests, type Requests } from '../jetstream/requests.ts'
import { closeQueue, ensureQueues } from '../queues/lifecycle.ts'
import type { JobRef } from '../queues/names.ts'
import { metadataOf, settingsOf, STREAM_METADATA } from '../queues/stream-config.ts'
import type { Moving } from './context.ts'
import { isClosed, oldClosedSubjects, oldStreamNames, type OldStreamNames } from './old-layout.ts'
import { copyOutcomes, UPGRADE_CONSUMER } from './outcomes.ts'
import { moveWaiting } from './waiting.ts'

/** What to move, and who still uses it. */
export interface UpgradeOptions {
  readonly ref: JobRef
  /** The output event of each event that has one; undefined if the Job is gone. */
  readonly outputs: ReadonlyMap<string, string> | undefined
  /**
   * While listeners and runners of 0.1.0 run: the events that runners of this version serve. Undefined if there are none left:
   * then the old streams are closed, and deleted once they are empty.
   */
  readonly served?: ReadonlySet<string> | undefined
  /** Called while messages are moved, at most every two seconds, and at the end. */
  readonly onProgress?: (progress: UpgradeProgress) => void
}

/** How far the move of a Job is. */
export interface UpgradeProgress {
  /** Messages that this call has moved. */
  readonly moved: number
  /** The messages that were left when it began, less those. */
  readonly left: number
}

/** What became of the streams of 0.1.0. */
export type Upgraded =
  /** There are none, or none any more. */
  | { readonly finished: true; readonly moved: number; readonly existed: boolean }
  /** They are still in use, or have messages that can not be moved yet. `waiting` has the events with such messages. */
  | {
      readonly finished: false
      readonly moved: number
      readonly left: number
      readonly waiting: ReadonlySet<string>
    }

/**
 * Moves what is in the three streams that 0.1.0 made for a Job into its two streams of this version, and deletes the old ones
 * when they are empty and no process uses them. Safe to break off at any point and to repeat: a record is stored only if the
 * event has none that is newer, and an old message goes once its record is stored. Makes the new streams if the Job is gone;
 * otherwise they have to be there. Throws QUEUE_UNAVAILABLE, QUEUE_FULL and STREAM_REFUSED.
 */
export async function upgradeStreams(
  connection: NatsConnection,
  { ref, outputs, served, onProgress = () => undefined }: UpgradeOptions,
): Promise<Upgraded> {
  const manager = await manage(connection)
  const found = await findOld(manager, ref)
  if (Object.keys(found).length === 0) return { finished: true, moved: 0, existed: false }
  if (outputs === undefined) await ensureClosedQueues(connection, found, ref)
  const own = createRequests(connection)
  // JetStream may be slow while thousands of messages are on their way to it.
  const requests: Requests = { ...own, send: (message) => own.send(message, ANSWER_WITHIN_MS) }
  const tally = createTally(await countLeft(manager, found), onProgress)
  try {
    const now = await serverClock(manager, found)
    const moving: Moving = { requests, manager, ref, outputs, now, onMoved: tally.add }
    const finished = await moveAll(moving, served)
    if (!finished) return await unfinished(manager, ref, tally.moved())
    return { finished, moved: tally.moved(), existed: true }
  } finally {
    tally.report()
    own.close()
  }
}

/** Moves what can be moved; true if the old streams are deleted then. */
async function moveAll(moving: Moving, served: UpgradeOptions['served']): Promise<boolean> {
  const { manager, ref } = moving
  if (served === undefined) await close(moving, ['queue'])
  await copyOutcomes(moving)
  const kept = await moveWaiting(moving, { served })
  await copyOutcomes(moving)
  if (served !== undefined || kept > 0 || !(await isDrained(manager, ref))) return false
  await close(moving, ['retry', 'outcomes'])
  if (!(await isDrained(manager, ref))) return false
  await copyOutcomes(moving)
  // The queue last: it tells with which settings the new streams are made, if the Job is gone.
  for (const stream of ['retry', 'outcomes', 'queue'] as const)
    await answerIfThere(manager.streams.delete(oldStreamNames(ref)[stream]))
  return true
}

/** All Jobs that have streams of 0.1.0. Throws QUEUE_UNAVAILABLE. */
export async function listOldStreams(
  connection: NatsConnection,
  isWanted?: (stream: string) => boolean,
): Promise<readonly JobRef[]> {
  const manager = await manage(connection)
  const found = new Map<string, JobRef>()
  for (const { config } of await streamsOf(manager, isWanted)) {
    const namespace = config.metadata?.[STREAM_METADATA.namespace] ?? ''
    const ref = { namespace, job: config.metadata?.[STREAM_METADATA.job] ?? '' }
    if (Object.values<string>({ ...oldStreamNames(ref) }).includes(config.name))
      found.set(oldStreamNames(ref).queue, ref)
  }
  return [...found.values()]
}

type OldStreams = Partial<Record<keyof OldStreamNames, StreamInfo>>
const STREAMS = ['queue', 'retry', 'outcomes'] as const satisfies readonly (keyof OldStreamNames)[]

async function findOld(manager: JetStreamManager, ref: JobRef): Promise<OldStreams> {
  const names = oldStreamNames(ref)
  const infos = await Promise.all(
    STREAMS.map(
      async (stream) => [stream, await answerIfThere(manager.streams.info(names[stream]))] as const,
    ),
  )
  return Object.fromEntries(infos.filter(([, info]) => info !== undefined))
}

/** Makes the new streams of a Job that is gone, with the settings of the old ones. */
async function ensureClosedQueues(connection: NatsConnection, found: OldStreams, ref: JobRef): Promise<void> {
  const config = (found.queue ?? found.outcomes ?? found.retry)?.config
  if (config === undefined) return
  const plan = { ref, queue: settingsOf(config), events: [], metadata: metadataOf(config) }
  await ensureQueues(connection, plan)
  await closeQueue(connection, ref)
}

/**
 * Closes streams: what a process of 0.1.0 sends to them is refused from now on, and what it had sent before is stored once
 * this has returned.
 */
async function close(
  { requests: { connection }, manager, ref }: Moving,
  streams: readonly (keyof OldStreamNames)[],
): Promise<void> {
  for (const stream of streams) {
    const [name, subject] = [oldStreamNames(ref)[stream], oldClosedSubjects(ref)[stream]]
    const info = await answerIfThere(manager.streams.info(name))
    if (info === undefined) continue
    if (!isClosed(info, ref, stream))
      await answerTo(manager.streams.update(name, { subjects: [subject] }), `to close the stream ${name}`)
    await answerTo(connection.request(subject, '', { timeout: ANSWER_MS }))
    await answerTo(manager.streams.purge(name, { filter: subject }))
  }
}

/** Whether nothing waits in the old streams. */
async function isDrained(manager: JetStreamManager, ref: JobRef): Promise<boolean> {
  const { queue, retry } = await findOld(manager, ref)
  return (queue?.state.messages ?? 0) + (retry?.state.messages ?? 0) === 0
}

async function unfinished(manager: JetStreamManager, ref: JobRef, moved: number): Promise<Upgraded> {
  const names = oldStreamNames(ref)
  const subjects: string[] = []
  for (const stream of [names.queue, names.retry]) {
    const inStream = await subjectsIn(manager, stream, '>')
    for (const [subject, messages] of inStream ?? [])
      subjects.push(...Array.from<string>({ length: messages }).fill(subject))
  }
  const waiting = new Set(subjects.map((subject) => subject.split('.')[3] ?? ''))
  return { finished: false, moved, left: subjects.length, waiting }
}

/** How many messages are to be moved. */
async function countLeft(manager: JetStreamManager, { queue, retry, outcomes }: OldStreams): Promise<number> {
  const copying =
    outcomes && (await answerIfThere(manager.consumers.info(outcomes.config.name, UPGRADE_CONSUMER)))
  const uncopied =
    copying === undefined ? outcomes?.state.messages : copying.num_pending + copying.num_ack_pending
  return (queue?.state.messages ?? 0) + (retry?.state.messages ?? 0) + (uncopied ?? 0)
}

async function serverClock(manager: JetStreamManager, found: OldStreams): Promise<() => number> {
  const name = (found.queue ?? found.retry ?? found.outcomes)?.config.name ?? ''
  return clockOf(await answerTo(manager.streams.info(name)))
}

const ANSWER_WITHIN_MS = 15_000
const REPORT_MS = 2_000

function createTally(total: number, onProgress: (progress: UpgradeProgress) => void) {
  let moved = 0
  let reportedAt = performance.now()
  const report = () => {
    reportedAt = performance.now()
    onProgress({ moved, left: Math.max(0, total - moved) })
  }
  return {
    add(messages: number) {
      moved += messages
      if (performance.now() - reportedAt >= REPORT_MS) report()
    },
    moved: () => moved,
    report,
  }
}
