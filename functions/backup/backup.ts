import { createHash, randomUUID } from 'node:crypto'

import type { MsgHdrs } from '@nats-io/transport-node'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'

import { createRetry, type Retry, type RetryOptions } from '../process/retry.ts'
import { allOf, answerIfThere, answerTo, manage } from '../jetstream/manager.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { isClosed } from '../queues/lifecycle.ts'
import { streamNames, type JobRef } from '../queues/names.ts'
import { metadataOf, settingsOf } from '../queues/stream-config.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import { encodeFrame, FIRST_LINE, type Head, type JobHead } from './format.ts'
import { connectionOf, type Place } from './place.ts'
import { placeOf } from './restored.ts'
import { readStream } from '../jetstream/stream-reader.ts'

/** Takes the bytes of a backup in their order; resolves when it can take more. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/** What to back up, and how. */
export interface BackupOptions extends RetryOptions {
  readonly jobs: readonly JobRef[]
  readonly write: Sink
  /** Called after each page. */
  readonly onProgress?: (progress: BackupProgress) => void
}

/** How far a backup is. */
export interface BackupProgress {
  readonly messages: number
  /** How many there were when it began. */
  readonly total: number
  readonly bytes: number
}

/** What a backup has of a Job, in messages. */
export interface JobCounts extends JobRef {
  readonly queued: number
  readonly records: number
}

/** What a backup has. */
export interface BackupReport {
  readonly jobs: readonly JobCounts[]
  readonly modules: number
  readonly bytes: number
}

/**
 * Writes the streams of Jobs, and the modules of their namespaces, as one file. The Jobs may be running. Holds a few pages and
 * one module in memory. Throws NOT_FOUND if a Job has no streams, QUEUE_UNAVAILABLE, and what `write` throws.
 */
export async function backup(place: Place, options: BackupOptions): Promise<BackupReport> {
  const persist = createRetry(options)
  const sections = []
  for (const ref of options.jobs) sections.push(await persist(() => readSection(place, ref)))
  const total = sections.reduce((sum, { messages }) => sum + messages, 0)
  const out = createOutput(options.write)
  let messages = 0
  const onPage = (count: number) => {
    messages += count
    options.onProgress?.({ messages, total, bytes: out.bytes() })
  }
  await out.text(FIRST_LINE)
  await out.frame({ kind: 'backup', id: randomUUID(), created: new Date().toISOString() })
  const modules = await copyModules({ place, persist, out, signal: options.signal }, options.jobs)
  const jobs: JobCounts[] = []
  for (const { ref } of sections) {
    // The settings may have changed since.
    const { head } = await persist(() => readSection(place, ref))
    await out.frame(head)
    const counts = await copyMessages({ place, persist, out, signal: options.signal }, ref, onPage)
    await out.frame({ kind: 'job-end', ...counts })
    jobs.push({ ...ref, ...counts })
  }
  await out.end({ modules, jobs: jobs.length, messages })
  return { jobs, modules, bytes: out.bytes() }
}

interface Copying {
  readonly place: Place
  readonly persist: Retry
  readonly out: Output
  readonly signal: AbortSignal
}

/** The modules that are not marked as unused. */
async function copyModules({ place, persist, out }: Copying, jobs: readonly JobRef[]): Promise<number> {
  let copied = 0
  for (const namespace of new Set(jobs.map((ref) => ref.namespace))) {
    const store = await persist(async () => openModuleStore(await connectionOf(place, namespace), namespace))
    for (const { name, unusedSince } of await persist(() => store.list())) {
      if (unusedSince !== undefined) continue
      const bytes = await persist(() => store.read(name))
      if (bytes === undefined) continue
      await out.frame({ kind: 'module', namespace, name }, bytes)
      copied++
    }
  }
  return copied
}

/** Copies the queue first, then the records: in the order in which an event moves, so that it is not missed while it moves. */
async function copyMessages(
  { place, persist, out, signal }: Copying,
  ref: JobRef,
  onPage: (messages: number) => void,
): Promise<Omit<JobCounts, keyof JobRef>> {
  const connection = await persist(() => connectionOf(place, ref.namespace))
  const manager = await manage(connection)
  const names = streamNames(ref)
  const counts = { queued: 0, records: 0 }
  for (const kind of ['queued', 'record'] as const) {
    const stream = kind === 'queued' ? names.queue : names.events
    for await (const page of readStream({ connection, manager, stream, persist })) {
      signal.throwIfAborted()
      // A closed queue also has a message of our own.
      const own = page.filter(({ subject }) => placeOf(ref, kind, subject) !== undefined)
      for (const message of own) await out.message(kind, message)
      counts[kind === 'queued' ? 'queued' : 'records'] += own.length
      onPage(own.length)
    }
  }
  return counts
}

interface Section {
  readonly ref: JobRef
  readonly head: JobHead
  readonly messages: number
}

async function readSection(place: Place, ref: JobRef): Promise<Section> {
  const manager = await manage(await connectionOf(place, ref.namespace))
  const names = streamNames(ref)
  const queue = await answerIfThere(manager.streams.info(names.queue))
  const events = await answerIfThere(manager.streams.info(names.events))
  if (queue === undefined || events === undefined) throw queueNotFound(ref)
  const consumers = await answerTo(allOf(manager.consumers.list(names.events)))
  const durable = consumers.flatMap(({ config: { durable_name: name } }) => name ?? [])
  const head: JobHead = {
    kind: 'job',
    ...{ namespace: ref.namespace, job: ref.job },
    queue: settingsOf(queue.config),
    events: durable.sort(),
    metadata: metadataOf(queue.config),
    closed: isClosed(queue, ref),
    started: queue.ts ?? new Date().toISOString(),
  }
  return { ref, head, messages: queue.state.messages + events.state.messages }
}

type Output = ReturnType<typeof createOutput>

const CHUNK_BYTES = 2 ** 20

function createOutput(write: Sink) {
  const hash = createHash('sha256')
  let [bytes, waiting]: [number, Uint8Array[]] = [0, []]
  let waitingBytes = 0
  const flush = async () => {
    const chunk = Buffer.concat(waiting)
    waiting = []
    waitingBytes = 0
    await write(chunk)
  }
  const add = async (chunk: Uint8Array) => {
    hash.update(chunk)
    bytes += chunk.length
    waitingBytes += chunk.length
    waiting.push(chunk)
    if (waitingBytes >= CHUNK_BYTES) await flush()
  }
  const frame = (head: Head, ...bodies: readonly Uint8Array[]) => add(encodeFrame(head, ...bodies))
  return {
    bytes: () => bytes,
    text: (text: string) => add(Buffer.from(text)),
    frame,
    async message(kind: 'queued' | 'record', { subject, seq, time, headers: fields, data }: StoredMessage) {
      const encoded = encodeHeaders(fields)
      await frame({ kind, subject, seq, time, headers: encoded.length }, encoded, data)
    },
    async end(counts: { readonly modules: number; readonly jobs: number; readonly messages: number }) {
      await frame({ kind: 'end', ...counts, sha256: hash.copy().digest('hex') })
      await flush()
    },
  }
}

function encodeHeaders(fields: MsgHdrs | undefined): Uint8Array {
  return fields instanceof MsgHdrsImpl ? fields.encode() : new Uint8Array()
}
