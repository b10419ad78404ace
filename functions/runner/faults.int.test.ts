import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { publish } from '../jetstream/publish.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
let requests: Fixture['requests']
let manager: Fixture['manager']

t.before(async () => {
  fixture = await startFixture(t)
  ;({ requests, manager } = fixture)
})

t.test('killed at random moments, a runner leaves every event with one verdict', async (t) => {
  const ref = await fixture.newJob()
  const count = 1_000
  const keys = await Promise.all(
    Array.from({ length: count }, () => fixture.accept(ref, newEvent({ do: 'ok' }))),
  )
  const outcomes = streamNames(ref).outcomes
  for (let kills = 0; kills < 4; kills++) {
    const child = fixture.spawn(t, ref, { JOBICO_TIMEOUT_MS: '100' })
    const before = await fixture.messages(outcomes)
    await until(
      async () =>
        (await fixture.messages(outcomes)) > before + 20 || (await fixture.messages(outcomes)) === count,
    )
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await shortenAckWait(ref, 1_000)
  fixture.spawn(t, ref)
  for (const key of keys) t.equal((await fixture.ended(ref, key)).state, 'done')
  t.equal(await fixture.messages(outcomes), count, 'one verdict each')
  await until(
    async () =>
      (await fixture.messages(streamNames(ref).queue)) + (await fixture.messages(streamNames(ref).retry)) ===
      0,
  )
})

t.test('death of the process on every attempt ends as a dead letter', async (t) => {
  const ref = await fixture.newJob()
  await shortenAckWait(ref, 300)
  const key = await fixture.accept(ref, newEvent({ do: 'loop' }))
  const environment = { JOBICO_MAX_ATTEMPTS: '2', JOBICO_TIMEOUT_MS: '600000' }
  const first = fixture.spawn(t, ref, environment)
  await until(async () => (await manager.consumers.info(streamNames(ref).queue, 'ev1')).num_ack_pending === 1)
  first.kill('SIGKILL')
  for (const attempt of ['1', '2']) {
    const child = fixture.spawn(t, ref, environment)
    await until(async () => (await note(ref, key))?.headers?.get(JOBICO_HEADERS.attempt) === attempt)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await makeDueNow(ref, key)
  }
  fixture.spawn(t, ref, environment)
  t.match(await fixture.ended(ref, key), { state: 'dead', verdict: { code: 'PROCESS_DIED', attempts: 2 } })
})

/** Lets a message whose process died come again sooner than in production. */
async function shortenAckWait({ event, ...job }: EventRef, ms: number): Promise<void> {
  const { queue, retry } = streamNames(job)
  for (const stream of [queue, retry])
    await manager.consumers.update(stream, event, { ack_wait: ms * 1_000_000 })
}

function note(ref: EventRef, key: string) {
  return lastMessage(requests, streamNames(ref).retry, eventSubjects(ref).later(key))
}

async function makeDueNow(ref: EventRef, key: string): Promise<void> {
  const message = await note(ref, key)
  if (message?.headers === undefined) throw new Error('there is nothing to wait for')
  message.headers.set('Nats-Schedule', `@at ${new Date().toISOString()}`)
  await publish(requests, { subject: message.subject, headers: message.headers, payload: message.data })
}

t.test('told to stop, a runner finishes what runs and hands the rest back', async (t) => {
  const ref = await fixture.newJob()
  const child = fixture.spawn(t, ref, { JOBICO_TIMEOUT_MS: '20000', JOBICO_CONCURRENCY: '1' })
  const keys = await Promise.all([1, 2, 3].map(() => fixture.accept(ref, newEvent({ do: 'slow' }))))
  await until(async () => (await manager.consumers.info(streamNames(ref).queue, 'ev1')).num_ack_pending > 0)
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number]
  t.equal(code, 0)
  await until(async () => (await manager.consumers.info(streamNames(ref).queue, 'ev1')).num_ack_pending === 0)
  await fixture.startHere(t, ref, { JOBICO_TIMEOUT_MS: '20000' })
  for (const key of keys) t.match(await fixture.ended(ref, key), { state: 'done', verdict: { attempts: 1 } })
})

t.test('while outcomes can not be stored nothing is lost, and it heals', async (t) => {
  const ref = await fixture.newJob()
  const { config } = await manager.streams.info(streamNames(ref).outcomes)
  await fixture.startHere(t, ref)
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  await manager.streams.delete(streamNames(ref).outcomes)
  const keys = await Promise.all(
    Array.from({ length: 20 }, () => fixture.accept(ref, newEvent({ do: 'ok' }))),
  )
  await delay(300)
  t.equal(await fixture.messages(streamNames(ref).queue), 20, 'nothing is acknowledged')
  await manager.streams.add(config)
  for (const key of keys) t.match(await fixture.ended(ref, key), { state: 'done', verdict: { attempts: 1 } })
})

t.test('a consumer that is deleted is waited for and taken up again', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  const { config } = await manager.consumers.info(streamNames(ref).queue, 'ev1')
  await manager.consumers.delete(streamNames(ref).queue, 'ev1')
  const key = await fixture.accept(ref, newEvent({ do: 'ok' }))
  await manager.consumers.add(streamNames(ref).queue, config)
  t.equal((await fixture.ended(ref, key)).state, 'done')
})

t.test('a stop while outcomes can not be stored ends soon, and gives back what was held', async (t) => {
  const ref = await fixture.newJob()
  const stop = await fixture.startHere(t, ref)
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  const { config } = await manager.streams.info(streamNames(ref).outcomes)
  await manager.streams.delete(streamNames(ref).outcomes)
  const key = await fixture.accept(ref, newEvent({ do: 'ok' }))
  await until(async () => (await manager.consumers.info(streamNames(ref).queue, 'ev1')).num_ack_pending > 0)
  const began = performance.now()
  await stop()
  t.ok(performance.now() - began < 10_000)
  await manager.streams.add(config)
  await fixture.startHere(t, ref)
  t.match(await fixture.ended(ref, key), { state: 'done' })
})

t.test('a port of metrics that is taken ends the process before it takes an event', async (t) => {
  const ref = await fixture.newJob()
  const taken = createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  await fixture.accept(ref, newEvent({ do: 'ok' }))
  const child = fixture.spawn(t, ref, { METRICS_PORT: String(port) })
  t.same(await once(child, 'exit'), [1, null])
  t.match(await manager.consumers.info(streamNames(ref).queue, 'ev1'), { delivered: { consumer_seq: 0 } })
})

t.test('a redriven copy is not lost to a copy that was sent again', async (t) => {
  const ref = await fixture.newJob()
  const event = newEvent({ do: 'retry' })
  const stop = await fixture.startHere(t, ref, { JOBICO_MAX_ATTEMPTS: '1' })
  const key = await fixture.accept(ref, event)
  t.equal((await fixture.ended(ref, key)).state, 'dead')
  await stop()
  const headers = eventHeaders(event)
  await publish(requests, { subject: eventSubjects(ref).queued(key), headers, payload: event.data ?? '' })
  await fixture.startHere(t, ref, { JOBICO_MAX_ATTEMPTS: '3' })
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  t.equal(
    await fixture.messages(streamNames(ref).retry),
    0,
    'its failure stores no copy, since the event has ended',
  )
})
