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
import { createRequests } from '../../functions/jetstream/requests.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { startSubject, type Place } from './place.ts'

const DATA = Buffer.from('{"firstName":"Andres","lastName":"Costa"}')
const BATCH = Math.min(500, MAX_BATCH)
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
  const requests = createRequests(place.connection)
  for (let from = 0; from < backlog; from += BATCH) {
    const size = Math.min(BATCH, backlog - from)
    const ack = await publishBatch(
      requests,
      Array.from({ length: size }, (_, index) => message(ref, from + index)),
    )
    if (!ack.stored) throw new Error(`the backlog could not be stored: ${ack.description}`)
  }
  requests.close()
  return ref
}

function message(ref: EventRef, index: number) {
  const attributes = {
    specversion: '1.0',
    id: String(index),
    source: jobSource(ref),
    type: dataEventType(ref.event),
    time: '2026-01-01T00:00:00Z',
    datacontenttype: 'application/json',
  }
  const key = eventKey(attributes.source, attributes.id)
  const headers = eventHeaders({ attributes, trace: {} })
  headers.set('Nats-Msg-Id', `${ref.event}.${key}`)
  return { subject: eventSubjects(ref).queued(key), headers, payload: DATA }
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

/** Measures from when the runner is ready until the last verdict is stored. */
async function measureRunner(place: Place, ref: EventRef, backlog: number): Promise<number> {
  const module = join(place.folder, 'echo.wasm')
  const entry = join(import.meta.dirname, '..', '..', 'wasm-examples', 'echo', 'assembly', 'index.ts')
  await compileAssemblyScript({ entry, out: module })
  const runner = startSubject('runner', place, ref, { JOBICO_MODULE: module, JOBICO_CONCURRENCY: '4' })
  await runner.said('Ready')
  const ready = performance.now()
  const outcomes = async () => (await place.manager.streams.info(streamNames(ref).events)).state.messages
  const atReady = await outcomes()
  while ((await outcomes()) < backlog) await delay(POLL_MS)
  const rate = perSecond(backlog - atReady, ready)
  await runner.stop()
  return rate
}

function perSecond(count: number, beganMs: number): number {
  return (count / (performance.now() - beganMs)) * 1_000
}
