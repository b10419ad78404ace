import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { expectNewest, publish } from '../jetstream/publish.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
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
  const outcomes = streamNames(ref).events
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
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  await until(async () => (await fixture.messages(outcomes)) === count)
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
  const { queue, events } = streamNames(job)
  for (const stream of [queue, events])
    await manager.consumers.update(stream, event, { ack_wait: ms * 1_000_000 })
}

function note(ref: EventRef, key: string) {
  return lastMessage(requests, streamNames(ref).events, eventSubjects(ref).record(key, 'later'))
}

async function makeDueNow(ref: EventRef, key: string): Promise<void> {
  const message = await note(ref, key)
  if (message?.headers === undefined) throw new Error('there is nothing to wait for')
  message.headers.set('Nats-Schedule', `@at ${new Date().toISOString()}`)
  expectNewest(message.headers, eventSubjects(ref).records(key), message.seq)
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
  const { config } = await manager.streams.info(streamNames(ref).events)
  await fixture.startHere(t, ref)
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  await manager.streams.delete(streamNames(ref).events)
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
  const { config } = await manager.streams.info(streamNames(ref).events)
  await manager.streams.delete(streamNames(ref).events)
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
  t.match(await eventState(requests, ref, key), { state: 'dead', verdict: { attempts: 1 } })
  t.equal(
    await fixture.messages(streamNames(ref).events),
    1,
    'its failure stores nothing, since the event has ended',
  )
})

t.test('a consumer whose server is gone is made anew by the runner', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  for (const stream of Object.values<string>({ ...streamNames(ref) }))
    await manager.consumers.delete(stream, 'ev1')
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  t.match(await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'trap' }))), {
    state: 'dead',
    verdict: { attempts: 3 },
  })
})

t.test('done outcomes roll over, and dead letters stay', async (t) => {
  const ref = await fixture.newJob()
  const { queue, events } = streamNames(ref)
  const { config } = await manager.streams.info(queue)
  const maxBytes = 400_000
  await manager.streams.update(queue, { ...config, max_bytes: maxBytes })
  const letter = await fixture.accept(ref, newEvent({ do: 'reject' }))
  await fixture.startHere(t, ref, { JOBICO_TIMEOUT_MS: '10000' })
  await fixture.ended(ref, letter)
  const first = await fixture.accept(ref, newEvent({ do: 'ok' }))
  await fixture.ended(ref, first)
  let last = first
  for (let round = 0; round < 6; round++) {
    const keys = await Promise.all(
      Array.from({ length: 400 }, () => fixture.accept(ref, newEvent({ do: 'ok' }))),
    )
    for (const key of keys) await fixture.ended(ref, key)
    last = keys[399] ?? last
  }
  const bytes = async () => (await manager.streams.info(events)).state.bytes
  await until(async () => (await bytes()) < maxBytes * 1.3)
  t.ok((await bytes()) > maxBytes * 0.9, 'as much as the queue may take stays')
  t.equal((await eventState(requests, ref, first)).state, 'unknown', 'the oldest went')
  t.equal((await eventState(requests, ref, last)).state, 'done')
  t.equal((await eventState(requests, ref, letter)).state, 'dead')
})

t.test('when dead letters are full, events that would die wait, and others go on', async (t) => {
  const ref = await fixture.newJob()
  const { queue, events } = streamNames(ref)
  const { config } = await manager.streams.info(queue)
  await manager.streams.update(queue, { ...config, max_bytes: 100_000 })
  const subject = eventSubjects(ref).record('full', 'dead')
  await publish(requests, { subject, payload: 'x'.repeat(100_000) })
  await fixture.startHere(t, ref)
  const dying = await fixture.accept(ref, newEvent({ do: 'reject' }))
  await until(async () => (await newestRecord(requests, ref, dying))?.kind === 'later')
  t.match(await eventState(requests, ref, dying), { state: 'pending', progress: { attempts: 0 } })
  t.equal((await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' })))).state, 'done')
  await manager.streams.purge(events, { filter: subject })
  t.match(await fixture.ended(ref, dying), { state: 'dead', verdict: { attempts: 1 } }, 'once there is room')
})

t.test(
  'a retry that a dead process has left behind an outcome does not run when it becomes due',
  async (t) => {
    const ref = await fixture.newJob()
    const subjects = eventSubjects(ref)
    for (const kind of ['done', 'dead'] as const) {
      const event = newEvent({ do: kind === 'done' ? 'ok' : 'reject' })
      const stop = await fixture.startHere(t, ref)
      const key = await fixture.accept(ref, event)
      await fixture.ended(ref, key)
      const outcome = await newestRecord(requests, ref, key)
      await stop()
      // As the schedule fires which was stored before the execution began.
      const headers = eventHeaders(event)
      headers.set(JOBICO_HEADERS.attempt, '1')
      headers.set(JOBICO_HEADERS.suspect, '1')
      const payload = event.data ?? ''
      await publish(requests, { subject: subjects.record(key, 'due'), headers, payload })
      await fixture.startHere(t, ref)
      await until(async () => (await newestRecord(requests, ref, key))?.kind === kind)
      t.equal((await newestRecord(requests, ref, key))?.seq, outcome?.seq, kind)
    }
  },
)
