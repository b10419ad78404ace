import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstream } from '@nats-io/jetstream'

import { eventHeaders } from '../../functions/cloudevents/nats-binding.ts'
import {
  dataEventType,
  eventKey,
  eventSubjects,
  jobSource,
  streamNames,
  type EventRef,
} from '../../functions/queues/names.ts'
import { MAX_BATCH, publishBatch } from '../../functions/jetstream/publish.ts'
import { createRequests, type Outgoing } from '../../functions/jetstream/requests.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { startSubject, type Place } from './place.ts'

const DATA = Buffer.from('{"firstName":"Andres","lastName":"Costa"}')
const BATCH = Math.min(500, MAX_BATCH)
const BATCH_BYTES = 4 * 2 ** 20
const POLL_MS = 5

/** Events settled per second. */
export interface RunRates {
  readonly bare: number
  readonly runner: number
}

/** Measures how fast a backlog is handled: by a consumer that only acknowledges, and by one runner that runs echo. */
export async function measureRun(place: Place, backlog: number): Promise<RunRates> {
  const bare = await measureBare(place, await filledJob(place, backlog), backlog)
  const runner = await measureRunner(place, await filledJob(place, backlog), backlog)
  return { bare, runner }
}

async function filledJob(place: Place, backlog: number): Promise<EventRef> {
  const ref = await place.newJob()
  await fillQueue(place, ref, backlog)
  return ref
}

/** Stores `count` events in the queue of a Job, as a listener does; their ids are the numbers from `first` on. */
export async function fillQueue(
  place: Place,
  ref: EventRef,
  count: number,
  { first = 0, data = DATA }: { readonly first?: number; readonly data?: Uint8Array } = {},
): Promise<void> {
  await storeAll(place, count, data.length, (index) => queuedMessage(ref, first + index, data))
}

/** Stores `count` messages of some `bytes` each, in batches. Throws an Error when they are refused. */
export async function storeAll(
  { connection }: Pick<Place, 'connection'>,
  count: number,
  bytes: number,
  message: (index: number) => Outgoing,
): Promise<void> {
  const requests = createRequests(connection)
  const most = Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES / bytes)))
  for (let from = 0; from < count; from += most) {
    const size = Math.min(most, count - from)
    const ack = await publishBatch(
      requests,
      Array.from({ length: size }, (_, index) => message(from + index)),
    )
    if (!ack.stored) throw new Error(`the messages could not be stored: ${ack.description}`)
  }
  requests.close()
}

/** The key of the event with this number. */
export function keyOf(ref: EventRef, index: number): string {
  return eventKey(jobSource(ref), String(index))
}

function queuedMessage(ref: EventRef, index: number, payload: Uint8Array): Outgoing {
  const attributes = {
    specversion: '1.0',
    id: String(index),
    source: jobSource(ref),
    type: dataEventType(ref.event),
    time: '2026-01-01T00:00:00Z',
    datacontenttype: 'application/json',
  }
  const key = keyOf(ref, index)
  const headers = eventHeaders({ attributes, trace: {} })
  headers.set('Nats-Msg-Id', `${ref.event}.${key}`)
  return { subject: eventSubjects(ref).queued(key), headers, payload }
}

async function measureBare(place: Place, ref: EventRef, backlog: number): Promise<number> {
  const consumer = await jetstream(place.connection).consumers.get(streamNames(ref).queue, ref.event)
  const began = performance.now()
  const messages = await consumer.consume({ max_messages: 1_000 })
  let count = 0
  for await (const each of messages) {
    each.ack()
    if (++count === backlog) break
  }
  await place.connection.flush()
  return perSecond(backlog, began)
}

/** Measures from when the runner is ready until so many verdicts are stored beyond those that are there. */
export async function measureRunner(place: Place, ref: EventRef, events: number): Promise<number> {
  const module = join(place.folder, 'echo.wasm')
  const entry = join(import.meta.dirname, '..', '..', 'wasm-examples', 'echo', 'assembly', 'index.ts')
  await compileAssemblyScript({ entry, out: module })
  const outcomes = async () => (await place.manager.streams.info(streamNames(ref).events)).state.messages
  const before = await outcomes()
  const runner = startSubject('runner', place, ref, { JOBICO_MODULE: module, JOBICO_CONCURRENCY: '4' })
  await runner.said('Ready')
  const ready = performance.now()
  const atReady = await outcomes()
  let last = atReady
  while (last < before + events) {
    await delay(POLL_MS)
    last = await outcomes()
  }
  const rate = perSecond(last - atReady, ready)
  await runner.stop()
  return rate
}

function perSecond(count: number, beganMs: number): number {
  return (count / (performance.now() - beganMs)) * 1_000
}
