import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'

import { JobicoError } from '../process/errors.ts'
import { createRetry, type Retry, type RetryOptions } from '../process/retry.ts'
import { answerIfThere, clockOf, manage } from '../jetstream/manager.ts'
import { createRequests, type Requests } from '../jetstream/requests.ts'
import { deleteMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import { digestOf } from '../modules/digest.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { metadataOf, settingsOf, type QueuePlan } from '../queues/stream-config.ts'
import { closeQueue, ensureQueues, isClosed } from '../queues/lifecycle.ts'
import { streamNames, type JobRef } from '../queues/names.ts'
import { usageText } from '../storage/report.ts'
import { watchStorage, type StorageWatch } from '../storage/watch.ts'
import { readFrames, type BackupFile, type JobInFile, type Range } from './backup-file.ts'
import type { JobHead } from './format.ts'
import { connectionOf, type Place } from './place.ts'
import { restoreQueued, restoreRecords, type Restoring, type Tally } from './restore-records.ts'

/** How to restore. */
export interface RestoreOptions extends RetryOptions {
  readonly backup: BackupFile
  /** The copies of streams that have to be made; by default as many as they had. */
  readonly replicas?: number | undefined
  /** Changes nothing, and tells what would be stored. */
  readonly dryRun?: boolean
  /** Called after each page. */
  readonly onProgress?: (progress: RestoreProgress) => void
}

/** How far a restore is, in messages. */
export interface RestoreProgress {
  readonly messages: number
  readonly total: number
}

/** What became of a Job of a backup. */
export interface RestoredJob extends JobRef {
  readonly queued: Tally
  readonly records: Tally
}

/** What became of the modules of a backup. */
export interface RestoredModules {
  readonly stored: number
  /** The same bytes were there. */
  readonly known: number
  /** A namespace and a name that has other bytes now, which stay. */
  readonly kept: readonly string[]
}

/** How a restore ended. */
export interface RestoreReport {
  readonly jobs: readonly RestoredJob[]
  readonly modules: RestoredModules
}

/**
 * Restores a backup: the modules, and then each Job's records and queue. It stores a record only if its event has no newer one,
 * and a queued event only if nothing is known of it. Makes the streams that are missing, and changes no others. Safe to break
 * off at any point and to repeat. Throws STREAM_REFUSED, QUEUE_UNAVAILABLE and QUEUE_FULL.
 */
export async function restore(place: Place, options: RestoreOptions): Promise<RestoreReport> {
  const { backup } = options
  const total = backup.jobs.reduce((sum, { queued, records }) => sum + queued.count + records.count, 0)
  let messages = 0
  const onPage = (count: number) => {
    messages += count
    options.onProgress?.({ messages, total })
  }
  const persist = createRetry(options)
  const opened = new Map<string, Target>()
  const at = async (namespace: string): Promise<Target> => {
    const target = opened.get(namespace) ?? openTarget(await persist(() => connectionOf(place, namespace)))
    opened.set(namespace, target)
    return target
  }
  const work: Work = { at, options, persist, onPage }
  try {
    const modules = await restoreModules(work)
    const jobs: RestoredJob[] = []
    for (const job of backup.jobs) jobs.push(await restoreJob(work, job))
    return { jobs, modules }
  } finally {
    for (const target of opened.values()) target.close()
  }
}

/** A namespace into which Jobs are restored. */
interface Target {
  readonly connection: NatsConnection
  readonly requests: Requests
  readonly storage: StorageWatch
  close(): void
}

function openTarget(connection: NatsConnection): Target {
  const own = createRequests(connection)
  const storage = watchStorage(connection)
  return {
    ...{ connection, storage },
    // JetStream may be slow while hundreds of messages are on their way to it.
    requests: { ...own, send: (message) => own.send(message, ANSWER_WITHIN_MS) },
    close() {
      storage.close()
      own.close()
    },
  }
}

const ANSWER_WITHIN_MS = 15_000

interface Work {
  readonly at: (namespace: string) => Promise<Target>
  readonly options: RestoreOptions
  readonly persist: Retry
  readonly onPage: (messages: number) => void
}

async function restoreModules({ at, options, persist }: Work): Promise<RestoredModules> {
  const { backup, dryRun = false, replicas } = options
  let [stored, known] = [0, 0]
  const kept: string[] = []
  for await (const { head, body } of readFrames(backup.file, backup.modules)) {
    if (head.kind !== 'module') continue
    const { namespace, name } = head
    const { connection } = await at(namespace)
    const found = await persist(async () => (await openModuleStore(connection, namespace)).find(name))
    if (found !== undefined && found.digest !== digestOf(body)) {
      kept.push(`${namespace}/${name}`)
      continue
    }
    // The same bytes may not be there completely.
    const put = async () => {
      const create = { create: found === undefined && replicas !== undefined ? { replicas } : {} }
      const store = await openModuleStore(connection, namespace, create)
      return (await store.put(name, body)).sent
    }
    const isSent = dryRun ? found === undefined : await persist(put)
    if (isSent) stored++
    else known++
  }
  return { stored, known, kept }
}

async function restoreJob(work: Work, job: JobInFile): Promise<RestoredJob> {
  const { options, persist } = work
  const { backup, dryRun = false } = options
  const { namespace, job: name } = job.head
  const target = await work.at(namespace)
  const { connection, requests } = target
  const ref = { namespace, job: name }
  const streams = await persist(() => openStreams(connection, job.head, options))
  if (streams.isMissing && dryRun) return { ...ref, ...allStored(work, job) }
  const over: number[] = []
  const restoring: Restoring = {
    ...{ requests, ref, dryRun, backup: backup.id, now: streams.now },
    started: Date.parse(job.head.started),
    onOver: (seq) => over.push(seq),
  }
  const each = async (range: Range, store: typeof restoreRecords): Promise<Tally> => {
    const tally = { stored: 0, known: 0, expired: 0 }
    for await (const page of pagesOf(backup, range)) {
      const fates = await persist(async () => {
        checkRoom(target, options)
        return await store(restoring, page)
      })
      for (const fate of ['stored', 'known', 'expired'] as const) tally[fate] += fates[fate]
      work.onPage(page.length)
    }
    return tally
  }
  // The queue may hold older states of events.
  const records = await each(job.records, restoreRecords)
  const queued = await each(job.queued, restoreQueued)
  for (const seq of over) await persist(() => deleteMessage(requests, streamNames(ref).events, seq))
  if (streams.closesAgain && !dryRun) await persist(() => closeQueue(connection, ref))
  return { ...ref, queued, records }
}

/** Throws QUEUE_FULL while the disk of a server has no room for new events: what is restored is no more urgent. */
function checkRoom({ storage }: Target, { dryRun }: RestoreOptions): void {
  const low = storage.low()
  if (low === undefined || dryRun === true) return
  throw new JobicoError(
    'QUEUE_FULL',
    `the disk of the NATS server ${low.server} is nearly full: ${usageText(low.usage)}; give NATS larger volumes, or purge what is not needed`,
  )
}

/** What a dry run says of a Job whose streams are missing. */
function allStored({ onPage }: Work, { queued, records }: JobInFile): Omit<RestoredJob, keyof JobRef> {
  onPage(queued.count + records.count)
  const tally = (stored: number) => ({ stored, known: 0, expired: 0 })
  return { queued: tally(queued.count), records: tally(records.count) }
}

interface OpenStreams {
  readonly isMissing: boolean
  /** Whether the queue is to take no new events afterwards. */
  readonly closesAgain: boolean
  readonly now: () => number
}

/** Makes the streams of a Job if they are missing, and opens a closed queue, so that it can be restored. */
async function openStreams(
  connection: NatsConnection,
  head: JobHead,
  { replicas = head.queue.replicas, dryRun = false }: RestoreOptions,
): Promise<OpenStreams> {
  const ref = { namespace: head.namespace, job: head.job }
  const manager = await manage(connection)
  const before = await findStreams(manager, ref)
  const { queue, events } = before
  const isMissing = queue === undefined || events === undefined
  const wasClosed = queue === undefined ? head.closed : isClosed(queue, ref)
  const isChanged = (isMissing || wasClosed) && !dryRun
  if (isChanged) await ensureQueues(connection, planOf(head, before, replicas))
  const { events: made } = isChanged ? await findStreams(manager, ref) : before
  return { isMissing, closesAgain: wasClosed, now: made === undefined ? Date.now : clockOf(made) }
}

type FoundStreams = Awaited<ReturnType<typeof findStreams>>

/** The streams as they were in the backup; what is there keeps its settings. Pure. */
function planOf(head: JobHead, { queue, events }: FoundStreams, replicas: number): QueuePlan {
  const existing = queue ?? events
  const settings = existing === undefined ? { ...head.queue, replicas } : settingsOf(existing.config)
  return {
    ref: { namespace: head.namespace, job: head.job },
    // Only a queue has this limit.
    queue: { ...settings, maxBytes: queue?.config.max_bytes ?? head.queue.maxBytes },
    events: head.events,
    metadata: { ...head.metadata, ...(existing && metadataOf(existing.config)) },
  }
}

async function findStreams(manager: JetStreamManager, ref: JobRef) {
  const names = streamNames(ref)
  return {
    queue: await answerIfThere(manager.streams.info(names.queue)),
    events: await answerIfThere(manager.streams.info(names.events)),
  }
}

const PAGE = 500
const PAGE_BYTES = 4 * 2 ** 20

/** The messages of a part of a backup, in pages of bounded size. */
async function* pagesOf(
  { file }: BackupFile,
  range: Range,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  let page: StoredMessage[] = []
  let bytes = 0
  for await (const { head, body } of readFrames(file, range)) {
    if (head.kind !== 'queued' && head.kind !== 'record') continue
    const { subject, seq, time, headers } = head
    const fields = headers === 0 ? undefined : MsgHdrsImpl.decode(body.subarray(0, headers))
    page.push({ subject, seq, time, headers: fields, data: body.subarray(headers) })
    bytes += body.length
    if (page.length < PAGE && bytes < PAGE_BYTES) continue
    yield page
    page = []
    bytes = 0
  }
  if (page.length > 0) yield page
}
