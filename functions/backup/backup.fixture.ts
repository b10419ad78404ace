import { randomUUID } from 'node:crypto'
import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { redrivenCopy } from '../dead-letters/redrive.ts'
import { expectNewest, publish, publishBatch } from '../jetstream/publish.ts'
import { connectNats } from '../jetstream/connection.ts'
import { createRequests, type Outgoing, type Requests } from '../jetstream/requests.ts'
import { lastMessage, messageAt, type StoredMessage } from '../jetstream/stored-message.ts'
import { historyHeaders, type History } from '../outcomes/history.ts'
import { handOverMessage } from '../outcomes/hand-over.ts'
import { verdictHeaders, type Verdict } from '../outcomes/verdict.ts'
import {
  descendantsSubject,
  eventSubjects,
  streamNames,
  type EventRef,
  type JobRef,
  type RecordKind,
} from '../queues/names.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { keyOf, newEvent } from '../runner/runner.fixture.ts'
import { backup, type BackupReport } from './backup.ts'
import { checkBackup } from './backup-file.ts'
import { restore, type RestoreOptions, type RestoreReport } from './restore.ts'
import { readStream } from '../jetstream/stream-reader.ts'
import { withoutRetry } from '../process/retry.ts'

const HISTORY: History = {
  ...{ attempts: 1, suspect: false, redrive: undefined, hops: 0, root: undefined },
  errors: [{ attempt: 1, code: 'MODULE_TRAP', reason: 'höchst seltsam' }],
}
const FACTS = { attempts: 1, module: 'sha256-0', time: '2026-01-01T00:00:00.000Z' } as const
const WITHOUT_LIMIT = {
  limitMs: 20_000,
  signal: new AbortController().signal,
  onWait: () => undefined,
}

/** Stores an event in one state, as listeners and runners do, and gives its key. */
export type Seed = (requests: Requests, ref: EventRef, id: string) => Promise<string>

const stored = async (requests: Requests, message: Outgoing) => {
  const ack = await publish(requests, message)
  if (!ack.stored) throw new Error(ack.description)
  return ack.seq
}

const eventOf = (id: string) => newEvent({ do: 'ok' }, id)
const payload = (id: string) => eventOf(id).data ?? new Uint8Array()

function record([ref, id]: readonly [EventRef, string], kind: RecordKind, fields: MsgHdrs, seq = 0) {
  const subjects = eventSubjects(ref)
  const key = keyOf(eventOf(id))
  expectNewest(fields, subjects.records(key), seq)
  return { subject: subjects.record(key, kind), headers: fields, payload: payload(id) }
}

/** An event in the queue, with so many bytes beside what its module needs. */
export function queued(bytes = 0): Seed {
  return async (requests, ref, id) => {
    const event = newEvent({ do: 'ok', more: 'x'.repeat(bytes) }, id)
    const key = keyOf(event)
    const fields = eventHeaders(event)
    fields.set('Nats-Msg-Id', `${ref.event}.${key}`)
    await stored(requests, {
      ...{ subject: eventSubjects(ref).queued(key), headers: fields },
      payload: event.data ?? new Uint8Array(),
    })
    return key
  }
}

function later(ms: number, seq = 0): Seed {
  return async (requests, ref, id) => {
    const key = keyOf(eventOf(id))
    const fields = historyHeaders(eventOf(id), HISTORY)
    fields.set('Nats-Schedule', `@at ${new Date(Date.now() + ms).toISOString()}`)
    fields.set('Nats-Schedule-Target', eventSubjects(ref).record(key, 'due'))
    await stored(requests, record([ref, id], 'later', fields, seq))
    return key
  }
}

function due({ seq = 0, suspect = false } = {}): Seed {
  return async (requests, ref, id) => {
    const fields = historyHeaders(eventOf(id), { ...HISTORY, suspect })
    await stored(requests, record([ref, id], 'due', fields, seq))
    return keyOf(eventOf(id))
  }
}

/** A done outcome that lives for `ttl` seconds. */
export function done({ seq = 0, ttl = 3_600 } = {}): Seed {
  return async (requests, ref, id) => {
    const attributes = { specversion: '1.0', id: `r-${id}`, source: '/r', type: 'r' }
    const verdict: Verdict = {
      kind: 'done',
      result: { attributes, data: undefined, trace: {} },
      ...FACTS,
    }
    const fields = verdictHeaders(verdict)
    fields.set('Nats-TTL', `${ttl}s`)
    await stored(requests, record([ref, id], 'done', fields, seq))
    return keyOf(eventOf(id))
  }
}

async function deadLetter(requests: Requests, ref: EventRef, id: string, ttl = 7_200): Promise<number> {
  const { errors } = HISTORY
  const verdict: Verdict = { kind: 'dead', code: 'REJECTED', reason: 'nö', errors, ...FACTS }
  const fields = eventHeaders(eventOf(id))
  for (const [name, [value = '']] of verdictHeaders(verdict)) fields.set(name, value)
  fields.set('Nats-TTL', `${ttl}s`)
  return await stored(requests, record([ref, id], 'dead', fields))
}

/** A dead letter that lives for `ttl` seconds. */
export function dead(ttl?: number): Seed {
  return async (requests, ref, id) => {
    await deadLetter(requests, ref, id, ttl)
    return keyOf(eventOf(id))
  }
}

const redriven: Seed = async (requests, ref, id) => {
  const seq = await deadLetter(requests, ref, id)
  const letter = await messageAt(requests, streamNames(ref).events, seq)
  const key = keyOf(eventOf(id))
  if (letter !== undefined) await stored(requests, redrivenCopy(ref, key, letter))
  return key
}

/** Each state in place of the one before, of which none is deleted: so it is in a backup of a running Job. */
function inTurn(...states: readonly ((seq: number) => Seed)[]): Seed {
  return async (requests, ref, id) => {
    for (const state of states) {
      const { seq } = (await newest(requests, ref, id)) ?? { seq: 0 }
      await state(seq)(requests, ref, id)
    }
    return keyOf(eventOf(id))
  }
}

const moved = inTurn(
  () => queued(),
  () => due(),
  (seq) => done({ seq }),
)

/** Several records of one kind, of which only the newest counts. */
const repeated = inTurn(
  () => due(),
  (seq) => later(3_600_000, seq),
  (seq) => due({ seq }),
  (seq) => due({ seq }),
)

/** A runner died after it had stored the outcome; the record that it had made before it ran the event has become due. */
const leftBehind = inTurn(
  () => done(),
  (seq) => due({ seq, suspect: true }),
)

async function newest(requests: Requests, ref: EventRef, id: string) {
  return await lastMessage(requests, streamNames(ref).events, eventSubjects(ref).records(keyOf(eventOf(id))))
}

/** A verdict with what it handed over, and the count of descendants, in one batch. */
const family: Seed = async (requests, ref, id) => {
  const key = keyOf(eventOf(id))
  const count = headers()
  count.set('Nats-TTL', '3600s')
  const handOver = handOverMessage({ ref, event: eventOf(`of ${id}`) }, { hops: 1, root: key })
  const ack = await publishBatch(requests, [
    { subject: descendantsSubject(ref, key), headers: count, payload: '2 100' },
    handOver,
    record([ref, id], 'due', historyHeaders(eventOf(id), HISTORY)),
  ])
  if (!ack.stored) throw new Error(ack.description)
  return key
}

/** Every state that an event can be in, and what it is after its runner has run. */
export const SEEDS: Readonly<Record<string, { readonly seed: Seed; readonly ends: string }>> = {
  queued: { seed: queued(), ends: 'done 1' },
  'due in an hour': { seed: later(3_600_000), ends: 'pending 1' },
  'due soon': { seed: later(300), ends: 'done 2' },
  due: { seed: due(), ends: 'done 2' },
  done: { seed: done(), ends: 'done 1' },
  dead: { seed: dead(), ends: 'dead 1' },
  redriven: { seed: redriven, ends: 'done 1' },
  moved: { seed: moved, ends: 'done 1' },
  repeated: { seed: repeated, ends: 'done 2' },
  'left behind': { seed: leftBehind, ends: 'done 1' },
  family: { seed: family, ends: 'done 2' },
}

/** A file with a backup of Jobs. `onWrite` is waited for after each part of it was written. */
export async function backUp(
  t: Test,
  connection: NatsConnection,
  jobs: readonly JobRef[],
  onWrite: () => Promise<void> = () => Promise.resolve(),
): Promise<{ readonly path: string; readonly report: BackupReport }> {
  const path = join(testFolder(t), `${randomUUID()}.backup`)
  await writeFile(path, '')
  const report = await backup(connection, {
    ...WITHOUT_LIMIT,
    jobs,
    write: async (bytes) => {
      await appendFile(path, bytes)
      await onWrite()
    },
  })
  return { path, report }
}

/** Restores a file. */
export async function restoreFrom(
  path: string,
  connection: NatsConnection,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreReport> {
  const file = await open(path)
  try {
    return await restore(connection, { ...WITHOUT_LIMIT, backup: await checkBackup(file), ...options })
  } finally {
    await file.close()
  }
}

/** What the two streams of a Job hold. */
export async function contentsOf(
  connection: NatsConnection,
  manager: JetStreamManager,
  ref: JobRef,
): Promise<{ readonly queue: readonly StoredMessage[]; readonly events: readonly StoredMessage[] }> {
  const names = streamNames(ref)
  const read = async (stream: string) => {
    const found: StoredMessage[] = []
    for await (const page of readStream({ connection, manager, stream, persist: withoutRetry }))
      found.push(...page)
    return found
  }
  return { queue: await read(names.queue), events: await read(names.events) }
}

/** A message in words that do not depend on sequences. */
export function told({ subject, headers: fields, data }: StoredMessage): string {
  const kept = [...(fields ?? [])].filter(
    ([name]) => !/^(nats-(?!schedule)|jobico-restored|jobico-redrive)/i.test(name),
  )
  const texts = kept.map(([name, values]) => `${name}: ${values.join()}`).sort()
  return [subject, ...texts, Buffer.from(data).toString()].join(' | ')
}

/** A nats-server beside that of a runner's fixture; it ends with the test. */
export async function startOther(t: Test) {
  // The folder of a test is emptied for each fixture that asks for it.
  const storeDir = await mkdtemp(join(tmpdir(), 'jobico-backup-'))
  const server = await startNatsServer({ storeDir })
  const connection = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
    await server.stop()
    await rm(storeDir, { recursive: true })
  })
  const manager = await jetstreamManager(connection)
  const ensureJob = async (ref: EventRef, maxBytes: number) => {
    const queue = { storage: 'File', maxBytes, duplicateWindowSeconds: 120, replicas: 1 } as const
    const metadata = { 'jobico.coeux.dev/uid': 'abc' }
    await ensureQueues(connection, { ref, queue, events: ['ev1'], metadata })
  }
  let jobs = 0
  return {
    connection,
    requests,
    manager,
    ensureJob,
    async newJob(): Promise<EventRef> {
      const ref = { namespace: 'shared', job: `job-${++jobs}`, event: 'ev1' }
      await ensureJob(ref, 8 * 2 ** 20)
      return ref
    },
    /** How many messages both streams of a Job have. */
    async messages(ref: JobRef): Promise<number> {
      const counts = Object.values<string>({ ...streamNames(ref) }).map(
        async (name) => (await manager.streams.info(name)).state.messages,
      )
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    },
  }
}
