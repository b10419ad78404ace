import { createHash, randomUUID } from 'node:crypto'

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { startNatsServer, type NatsServer } from '../nats-server/start.ts'
import { eventHeaders } from '../../functions/cloudevents/nats-binding.ts'
import { connectNats } from '../../functions/jetstream/connection.ts'
import { eventKey, eventSubjects, streamNames, type EventRef } from '../../functions/queues/names.ts'
import { expectNewest, publish, publishBatch, type PubAck } from '../../functions/jetstream/publish.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import { createRequests, type Outgoing, type Requests } from '../../functions/jetstream/requests.ts'
import type { QueuePlan } from '../../functions/queues/stream-config.ts'
import { testFolder } from './test-folder.fixture.ts'
import { verdictHeaders, type Verdict } from '../../functions/outcomes/verdict.ts'

export const MiB = 2 ** 20

/** Writes messages as listeners and runners do. */
export interface Writer {
  /** Stores an event with this id in the queue; gives its key. */
  accept(ref: EventRef, id: string, payload?: string): Promise<string>
  /** Schedules a retry of an event in an hour. */
  park(ref: EventRef, key: string): Promise<void>
  /** Stores a done verdict for the event with this id; `replaces` is the sequence of the record before. */
  done(ref: EventRef, id: string, replaces?: number): Promise<number>
  /** Makes the event with this id a dead letter; gives its sequence. */
  deadLetter(ref: EventRef, id: string, more?: Partial<DeadVerdict>, payload?: string): Promise<number>
  /** Makes the events with these ids dead letters, 100 in a batch. */
  deadLetterMany(ref: EventRef, ids: readonly string[]): Promise<void>
}

/** A nats-server for one test. */
export interface NatsFixture extends Writer {
  readonly server: NatsServer
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly requests: Requests
  /** A plan for a new Job. */
  newPlan(events?: readonly string[]): QueuePlan
  /** Creates the streams of a new Job. */
  newJob(events?: readonly string[]): Promise<QueuePlan>
  /** How many messages each stream of a Job has. */
  messages(ref: EventRef): Promise<readonly number[]>
}

type DeadVerdict = Extract<Verdict, { kind: 'dead' }>

const FACTS = { attempts: 2, module: 'sha256-0', time: '2026-01-01T00:00:00.000Z' }

/** Starts a server; it ends with the test. */
export async function startNatsFixture(t: Test): Promise<NatsFixture> {
  const server = await startNatsServer({ storeDir: testFolder(t) })
  const connection = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(connection)
  const manager = await jetstreamManager(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
    await server.stop()
  })
  let jobs = 0
  const newPlan = (events: readonly string[] = ['ev1']): QueuePlan => ({
    ref: { namespace: 'shared', job: `job-${++jobs}` },
    queue: { storage: 'File', maxBytes: 8 * MiB, duplicateWindowSeconds: 120, replicas: 1 },
    events,
    metadata: { 'jobico.coeux.dev/uid': 'abc' },
  })
  return {
    ...writer(requests),
    server,
    connection,
    manager,
    requests,
    newPlan,
    async newJob(events) {
      const plan = newPlan(events)
      await ensureQueues(connection, plan)
      return plan
    },
    async messages(ref) {
      const infos = Object.values<string>({ ...streamNames(ref) }).map((name) => manager.streams.info(name))
      return (await Promise.all(infos)).map(({ state }) => state.messages)
    },
  }
}

/** Makes a Writer that sends these requests. */
export function writer(requests: Requests): Writer {
  return {
    async accept(ref, id, payload = '{}') {
      const key = keyOf(id)
      const fields = eventHeaders(eventOf(id))
      fields.set('Nats-Msg-Id', `${ref.event}.${key}`)
      stored(await publish(requests, { subject: eventSubjects(ref).queued(key), headers: fields, payload }))
      return key
    },
    async park(ref, key) {
      const { record } = eventSubjects(ref)
      const fields = headers()
      fields.set('Nats-Schedule', `@at ${new Date(Date.now() + 3_600_000).toISOString()}`)
      fields.set('Nats-Schedule-Target', record(key, 'due'))
      stored(await publish(requests, { subject: record(key, 'later'), headers: fields, payload: 'x' }))
    },
    async done(ref, id, replaces = 0) {
      const attributes = { specversion: '1.0', id: keyOf(id), source: '/test', type: 'result' }
      const result = { attributes, data: undefined, trace: {} }
      const verdict: Verdict = { kind: 'done', result, ...FACTS }
      const fields = verdictHeaders(verdict)
      const { record, records } = eventSubjects(ref)
      expectNewest(fields, records(keyOf(id)), replaces)
      const subject = record(keyOf(id), 'done')
      return stored(await publish(requests, { subject, headers: fields, payload: '{"n":1}' }))
    },
    async deadLetter(ref, id, more = {}, payload = '{"big":"data"}') {
      return stored(await publish(requests, deadLetter(ref, id, more, payload)))
    },
    async deadLetterMany(ref, ids) {
      for (let from = 0; from < ids.length; from += LETTERS_A_BATCH) {
        const some = ids.slice(from, from + LETTERS_A_BATCH)
        stored(
          await publishBatch(
            requests,
            some.map((id) => deadLetter(ref, id, {}, '{"big":"data"}')),
          ),
        )
      }
    },
  }
}

const LETTERS_A_BATCH = 100

/** A dead letter: the event with its verdict. */
function deadLetter(ref: EventRef, id: string, more: Partial<DeadVerdict>, payload: string): Outgoing {
  const facts = { code: 'REJECTED', reason: `nö ${id}`, errors: [], ...FACTS } as const
  const verdict: Verdict = { kind: 'dead', ...facts, ...more }
  const body = eventHeaders(eventOf(id))
  for (const [name, [value = '']] of verdictHeaders(verdict)) body.set(name, value)
  return { subject: eventSubjects(ref).record(keyOf(id), 'dead'), headers: body, payload }
}

function stored(ack: PubAck): number {
  if (!ack.stored) throw new Error(ack.description)
  return ack.seq
}

function eventOf(id: string) {
  const attributes = { specversion: '1.0', id, source: '/test', type: 'test.made' }
  return { attributes, trace: { traceparent: traceOf(id) } }
}

/** Makes `count` new ids. */
export function newIds(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID())
}

/** The traceparent of the event with this id. */
export function traceOf(id: string): string {
  return `00-${createHash('md5').update(id).digest('hex')}-${'b'.repeat(16)}-01`
}

/** The key of the event with this id. */
export function keyOf(id: string): string {
  return eventKey('/test', id)
}
