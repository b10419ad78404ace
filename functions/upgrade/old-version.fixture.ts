import {
  AckPolicy,
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { publish, publishBatch, readPubAck, type PubAck } from '../jetstream/publish.ts'
import { createRequests, type Outgoing, type Requests } from '../jetstream/requests.ts'
import { emittedId, type EmittedData } from '../outcomes/emitted.ts'
import { historyHeaders, type History } from '../outcomes/history.ts'
import { JOBICO_HEADERS, verdictHeaders, type Verdict } from '../outcomes/verdict.ts'
import { eventKey, resultSource, type EventRef, type JobRef } from '../queues/names.ts'
import { STREAM_METADATA } from '../queues/stream-config.ts'
import { oldClosedSubjects, oldStreamNames, oldSubjects } from './old-layout.ts'

const NANOS = 1_000_000_000

/** Makes the streams and consumers of a Job as 0.1.0 made them. */
export async function makeOldStreams(
  connection: NatsConnection,
  ref: JobRef,
  events: readonly string[],
  maxBytes = 256 * 2 ** 20,
): Promise<void> {
  const { streams, consumers } = await jetstreamManager(connection)
  const names = oldStreamNames(ref)
  const common = {
    storage: StorageType.File,
    num_replicas: 1,
    duplicate_window: 120 * NANOS,
    metadata: {
      [STREAM_METADATA.uid]: 'abc',
      [STREAM_METADATA.namespace]: ref.namespace,
      [STREAM_METADATA.job]: ref.job,
    },
  }
  const path = `${ref.namespace}.${ref.job}.>`
  await streams.add({
    ...common,
    name: names.queue,
    subjects: [`jobico.${path}`],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    max_bytes: maxBytes,
    allow_atomic: true,
  })
  await streams.add({
    ...common,
    name: names.retry,
    subjects: [`jobico-retry.${path}`],
    retention: RetentionPolicy.Workqueue,
    allow_msg_schedules: true,
  })
  await streams.add({
    ...common,
    name: names.outcomes,
    subjects: [`jobico-outcome.${path}`, `jobico-dead.${path}`],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_bytes: maxBytes,
    allow_msg_ttl: true,
    allow_atomic: true,
  })
  for (const event of events) {
    const subjects = oldSubjects({ ...ref, event })
    const consumer = {
      durable_name: event,
      ack_policy: AckPolicy.Explicit,
      ack_wait: 30 * NANOS,
      max_deliver: -1,
      max_ack_pending: 1_000,
    }
    await consumers.add(names.queue, { ...consumer, filter_subject: subjects.queued('*') })
    await consumers.add(names.retry, { ...consumer, filter_subject: subjects.due('*') })
  }
}

const NEW: History = {
  attempts: 0,
  errors: [],
  suspect: false,
  redrive: undefined,
  hops: 0,
  root: undefined,
}

/** Writes messages as listeners and runners of 0.1.0 did. Each function gives the key of the event. */
export interface OldVersion {
  /** A listener stores an event in the queue; the answer says whether it could. */
  accept(ref: EventRef, id: string, data?: object): Promise<PubAck>
  /** A runner schedules a retry. */
  later(ref: EventRef, id: string, dueMs: number, history?: Partial<History>): Promise<string>
  /** A retry that is due, a hand-over or a redriven copy. */
  due(ref: EventRef, id: string, history?: Partial<History>, data?: object): Promise<string>
  /** A runner stores a done verdict. */
  done(
    ref: EventRef,
    id: string,
    more?: { ttl?: number; emitted?: readonly EmittedData[]; data?: string; replaces?: number },
  ): Promise<string>
  /** A runner makes a dead letter: gives the sequence of its verdict. */
  dead(ref: EventRef, id: string, more?: { ttl?: number; data?: object; replaces?: number }): Promise<number>
  /** `jobico dead redrive` sends a dead letter again. */
  redrive(ref: EventRef, id: string, verdict: number, data?: object): Promise<string>
  /** A deleted Job's queue is closed. */
  closeQueue(ref: JobRef): Promise<void>
  /** A runner takes an event from the queue and does not end it; gives where it acknowledges it. */
  take(ref: EventRef): Promise<{ readonly id: string; readonly ack: () => Promise<void> } | undefined>
  readonly requests: Requests
}

/** The event with an id, as these functions store it. */
export function oldEvent(id: string, data: object = { id }): CloudEvent {
  return {
    attributes: {
      specversion: '1.0',
      id,
      source: '/test',
      type: 'test.made',
      datacontenttype: 'application/json',
    },
    data: Buffer.from(JSON.stringify(data)),
    trace: {},
  }
}

/** The key of the event with an id. */
export function oldKey(id: string): string {
  return eventKey('/test', id)
}

/** The key of what the event with an id gave to another event: its result, or the `number`-th emitted data from 1. */
export function effectKey(ref: EventRef, id: string, number = 0): string {
  return eventKey(resultSource(ref), number === 0 ? oldKey(id) : emittedId(oldKey(id), number))
}

/** A busy machine may take long to answer. */
const PATIENT_MS = 20_000

/** Opens 0.1.0 on a connection. */
export function openOldVersion(connection: NatsConnection): OldVersion {
  const own = createRequests(connection)
  const requests: Requests = { ...own, send: (message) => own.send(message, PATIENT_MS) }
  const send = async (message: Outgoing) => {
    const ack = await publish(requests, message)
    if (!ack.stored) throw new Error(ack.description)
    return ack.seq
  }
  const waiting = (id: string, history: Partial<History>, data?: object) => {
    const event = oldEvent(id, data)
    return { headers: historyHeaders(event, { ...NEW, ...history }), payload: event.data ?? '' }
  }
  return {
    requests,
    async accept(ref, id, data) {
      const event = oldEvent(id, data)
      const headers = eventHeaders(event)
      headers.set('Nats-Msg-Id', `${ref.event}.${oldKey(id)}`)
      const subject = oldSubjects(ref).queued(oldKey(id))
      return readPubAck(await requests.send({ subject, headers, payload: event.data ?? '' }))
    },
    async later(ref, id, dueMs, history = {}) {
      const { headers, payload } = waiting(id, { attempts: 1, ...history }, undefined)
      headers.set('Nats-Schedule', `@at ${new Date(Date.now() + dueMs).toISOString()}`)
      headers.set('Nats-Schedule-Target', oldSubjects(ref).due(oldKey(id)))
      await send({ subject: oldSubjects(ref).later(oldKey(id)), headers, payload })
      return oldKey(id)
    },
    async due(ref, id, history = {}, data) {
      await send({ subject: oldSubjects(ref).due(oldKey(id)), ...waiting(id, history, data) })
      return oldKey(id)
    },
    async done(ref, id, { ttl = 3_600, emitted = [], data = '{"ok":true}', replaces = 0 } = {}) {
      const key = oldKey(id)
      const attributes = {
        specversion: '1.0',
        id: key,
        source: resultSource(ref),
        type: `dev.coeux.jobico.${ref.event}.result`,
        datacontenttype: 'application/json',
        causationid: id,
        causationsource: '/test',
      }
      const facts = { attempts: 1, module: 'sha256-0', time: new Date().toISOString() }
      const result = { attributes, data: Buffer.from(data), trace: {} }
      const headers = verdictHeaders({ kind: 'done', result, ...facts })
      if (emitted.length > 0)
        headers.set(
          JOBICO_HEADERS.emitted,
          emitted.map((each) => `${each.event}=${each.data.length}`).join(','),
        )
      headers.set('Nats-TTL', `${ttl}s`)
      headers.set('Nats-Expected-Last-Subject-Sequence', String(replaces))
      const payload = Buffer.concat([Buffer.from(data), ...emitted.map((each) => each.data)])
      await send({ subject: oldSubjects(ref).verdict(key), headers, payload })
      return key
    },
    async dead(ref, id, { ttl = 3_600, data, replaces = 0 } = {}) {
      const key = oldKey(id)
      const event = oldEvent(id, data)
      const fault = { attempt: 3, code: 'REJECTED', reason: `not ${id}` } as const
      const time = new Date().toISOString()
      const verdict: Verdict = {
        kind: 'dead',
        ...fault,
        errors: [fault],
        attempts: 3,
        module: 'sha256-0',
        time,
      }
      const headers = verdictHeaders(verdict)
      headers.set('Nats-TTL', `${ttl}s`)
      headers.set('Nats-Expected-Last-Subject-Sequence', String(replaces))
      const body = eventHeaders(event)
      for (const [name, [value = '']] of verdictHeaders(verdict)) body.set(name, value)
      body.set('Nats-TTL', `${ttl}s`)
      const ack = await publishBatch(requests, [
        { subject: oldSubjects(ref).verdict(key), headers },
        { subject: oldSubjects(ref).deadBody(key), headers: body, payload: event.data ?? '' },
      ])
      if (!ack.stored) throw new Error(ack.description)
      return ack.seq - 1
    },
    async redrive(ref, id, verdict, data) {
      const { headers, payload } = waiting(id, { redrive: verdict }, data)
      headers.delete(JOBICO_HEADERS.attempt)
      headers.set('Nats-Msg-Id', `redrive.${ref.event}.${oldKey(id)}.${verdict}`)
      await send({ subject: oldSubjects(ref).due(oldKey(id)), headers, payload })
      return oldKey(id)
    },
    async closeQueue(ref) {
      const manager: JetStreamManager = await jetstreamManager(connection)
      const { queue } = oldStreamNames(ref)
      await manager.streams.update(queue, { subjects: [oldClosedSubjects(ref).queue] })
      await requests.send({ subject: oldClosedSubjects(ref).queue })
    },
    async take(ref) {
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${oldStreamNames(ref).queue}.${ref.event}`
      // A message that a consumer delivers has the subject of its stream, so it needs an inbox of its own.
      const options = { timeout: PATIENT_MS, noMux: true }
      const answer = await connection.request(subject, JSON.stringify({ batch: 1, no_wait: true }), options)
      const ackSubject = answer.reply
      if (ackSubject === undefined || ackSubject === '') return undefined
      const { id } = JSON.parse(Buffer.from(answer.data).toString()) as { id: string }
      return {
        id,
        ack: async () => {
          await requests.send({ subject: ackSubject, payload: '+ACK' })
        },
      }
    },
  }
}
