import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

import { compileSchema } from '../../schemas/validator.ts'
import { checkAttributes } from '../cloudevents/cloudevent.ts'
import { connectNats } from '../jetstream/connection.ts'
import { createLog } from '../process/log.ts'
import { eventKey, eventSubjects, streamNames } from '../queues/names.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { createRequests, type Requests } from '../jetstream/requests.ts'
import { deleteMessage, deleteOlder, lastMessage, type StoredMessage } from '../jetstream/stored-message.ts'
import type { QueueSettings } from '../queues/stream-config.ts'
import { historyHeaders, type History } from '../outcomes/history.ts'
import { verdictHeaders, type Verdict } from '../outcomes/verdict.ts'
import { createApp, type AppOptions } from './http/app.ts'
import { createMetrics } from './metrics.ts'

/** The event that the tests of the listener serve. */
export const REF = { namespace: 'shop', job: 'orders', event: 'ev1' } as const

/** Media types that the tests send. */
export const STRUCTURED = 'application/cloudevents+json'
export const BATCH = 'application/cloudevents-batch+json'
export const JSON_TYPE = 'application/json'

/** Data that matches the schema of the event. */
export const PERSON = { firstName: 'Andres', lastName: 'Costa' } as const

/** The schema of the event's data. */
export const SCHEMA = {
  type: 'object',
  required: ['firstName', 'lastName'],
  properties: { firstName: { type: 'string' }, lastName: { type: 'string' } },
} as const

/** The queue's settings. */
export const QUEUE: QueueSettings = {
  storage: 'File',
  maxBytes: 64 * 1024 * 1024,
  duplicateWindowSeconds: 120,
  replicas: 1,
}

let made = 0

/** An id that no other event of this process has. */
export function freshId(): string {
  return `id-${process.pid}-${made++}`
}

/** A request with one event in binary mode. */
export function binary(headers: Readonly<Record<string, string>> = {}, body = JSON.stringify(PERSON)) {
  const attributes = { 'ce-specversion': '1.0', 'ce-type': 'a', 'ce-source': '/s', 'ce-id': freshId() }
  return {
    method: 'POST',
    url: '/',
    headers: { ...attributes, 'content-type': JSON_TYPE, ...headers },
    payload: body,
  } as const satisfies InjectOptions
}

/** The key of the event of a request that `binary` made. */
export function keyOf(request: ReturnType<typeof binary>): string {
  return eventKey('/s', request.headers['ce-id'])
}

/** An event in the JSON event format. */
export function structuredEvent(over: object = {}) {
  return { specversion: '1.0', type: 'a', source: '/s', id: freshId(), data: PERSON, ...over }
}

/** A request with a body of any media type. */
export function post(
  contentType: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): InjectOptions {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  return { method: 'POST', url: '/', headers: { 'content-type': contentType, ...headers }, payload }
}

/** What a 202 says about each event. */
export function acceptedOf(answer: LightMyRequestResponse) {
  return answer.json<{ accepted: { id: string; key: string; duplicate: boolean }[] }>().accepted
}

/** The problem document of an answer. */
export function problemOf(answer: LightMyRequestResponse) {
  return answer.json<{
    title: string
    status: number
    code: string
    detail: string
    errors?: { index: number; pointer: string; detail: string }[]
    key?: string
    error?: { code: string; reason: string; attempts: number }
  }>()
}

const FACTS = { attempts: 2, module: 'sha256-00', time: '2026-01-31T12:00:00Z' }

/** A dead verdict. */
export const DEAD: Verdict = { kind: 'dead', code: 'REJECTED', reason: 'no such item', errors: [], ...FACTS }

/** A done verdict, with JSON data or none. */
export function done(key: string, data?: string): Verdict {
  const attributes = checkAttributes([
    ['specversion', '1.0'],
    ['id', key],
    ['source', '/namespaces/shop/jobs/orders/events/ev1'],
    ['type', 'a.result'],
    ['datacontenttype', JSON_TYPE],
  ])
  const result = { attributes, data: data === undefined ? undefined : Buffer.from(data), trace: {} }
  return { kind: 'done', result, ...FACTS }
}

interface Scope {
  teardown(close: () => unknown): unknown
}

/** A message in the queue, as far as tests look at it. */
export interface SentEvent {
  readonly header: (name: string) => string
  readonly text: string
}

/** What a listener needs around it: a real queue, and functions that do what a runner would do. */
export interface Fixture {
  readonly requests: Requests
  /** Makes a listener, which is closed with its test. */
  app(test: Scope, over?: Partial<AppOptions>): FastifyInstance
  queued(key: string): Promise<StoredMessage | undefined>
  /** The queued event of an answer: its headers by name, and its data as text. */
  sent(answer: LightMyRequestResponse, index?: number): Promise<SentEvent>
  /** Resolves when the queue has the event. */
  untilQueued(key: string): Promise<void>
  /** How many events the queue has. */
  count(): Promise<number>
  /** Settles an event as a runner does: stores the verdict, and removes the event from the queue. */
  settle(key: string, verdict: Verdict): Promise<void>
  /** Deletes all records of an event, as a purge does. */
  forget(key: string): Promise<void>
  /** Stores an event with this id among the retries, due now or at a time in RFC 3339; gives its key. */
  retry(id: string, history: History, dueAt?: string): Promise<string>
  /** Creates the streams of another Job, and gives its event. */
  otherJob(job: string, queue: Partial<QueueSettings>): Promise<typeof REF>
}

/** Connects to a server and creates the streams of REF; the connection is closed with the test. */
export async function createFixture(test: Scope, url: string): Promise<Fixture> {
  const connection = await connectNats({ url, name: 'test' })
  const requests = createRequests(connection)
  test.teardown(async () => {
    requests.close()
    await connection.close()
  })
  const plan = {
    ref: REF,
    queue: QUEUE,
    events: [REF.event],
    metadata: {},
  }
  await ensureQueues(connection, plan)
  const subjects = eventSubjects(REF)
  const streams = streamNames(REF)
  const queued = (key: string) => lastMessage(requests, streams.queue, subjects.queued(key))
  return {
    requests,
    queued,
    async sent(answer, index = 0) {
      const message = await queued(acceptedOf(answer)[index]?.key ?? '')
      return {
        header: (name) => message?.headers?.get(name) ?? '',
        text: Buffer.from(message?.data ?? []).toString(),
      }
    },
    app: (scope, over = {}) => testApp(scope, requests, over),
    async untilQueued(key) {
      while ((await queued(key)) === undefined);
    },
    async count() {
      const answer = await requests.send({ subject: `$JS.API.STREAM.INFO.${streams.queue}` })
      return answer.json<{ state: { messages: number } }>().state.messages
    },
    async settle(key, verdict) {
      const payload = verdict.kind === 'done' ? (verdict.result.data ?? '') : ''
      await requests.send({
        subject: subjects.record(key, verdict.kind),
        headers: verdictHeaders(verdict),
        payload,
      })
      const event = await queued(key)
      if (event !== undefined) await deleteMessage(requests, streams.queue, event.seq)
    },
    async forget(key) {
      await deleteOlder(requests, streams.events, subjects.records(key), Number.MAX_SAFE_INTEGER)
    },
    async retry(id, history, dueAt) {
      const attributes = { specversion: '1.0', type: 'a', source: '/s', id }
      const key = eventKey(attributes.source, id)
      const headers = historyHeaders({ attributes, data: undefined, trace: {} }, history)
      if (dueAt !== undefined) {
        headers.set('Nats-Schedule', `@at ${dueAt}`)
        headers.set('Nats-Schedule-Target', subjects.record(key, 'due'))
      }
      const subject = dueAt === undefined ? subjects.record(key, 'due') : subjects.record(key, 'later')
      await requests.send({ subject, headers, payload: '{}' })
      return key
    },
    async otherJob(job, queue) {
      const ref = { ...REF, job } as typeof REF
      await ensureQueues(connection, { ...plan, ref, queue: { ...QUEUE, ...queue } })
      return ref
    },
  }
}

function testApp(test: Scope, requests: Requests, over: Partial<AppOptions>): FastifyInstance {
  const app = createApp({
    ref: REF,
    validate: compileSchema(SCHEMA),
    log: createLog('silent', {}),
    metrics: createMetrics(REF.event),
    maxInFlight: 100,
    maxConnections: 2_048,
    authorize: undefined,
    exposeResults: false,
    stopping: new AbortController().signal,
    requests: () => requests,
    lowStorage: () => undefined,
    ...over,
  })
  test.teardown(() => app.close())
  return app
}
