import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { listDeadLetters } from '../dead-letters/scan.ts'
import { connectNats } from '../jetstream/connection.ts'
import { findEvents } from './find-events.ts'
import { eventSubjects, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { keyOf, startNatsFixture, writer, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { followOutcomes, type Outcome } from './follow-outcomes.ts'
import { publish } from '../jetstream/publish.ts'
import { deleteMessage } from '../jetstream/stored-message.ts'
import { newestRecord } from './event-state.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { createRequests } from '../jetstream/requests.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

let nats: NatsFixture
t.before(async () => (nats = await startNatsFixture(t)))

/** Follows until so many outcomes have come. */
async function take(follow: AsyncIterable<Outcome>, count: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for await (const outcome of follow) if (outcomes.push(outcome) === count) break
  return outcomes
}

/** Waits until so many follow, beside the consumers of the events. */
async function waitForFollowers(ref: JobRef, count: number, link = nats.connection): Promise<void> {
  const { streams } = await jetstreamManager(link)
  const consumers = async (stream: string) => (await streams.info(stream)).state.consumer_count
  const { queue, events } = streamNames(ref)
  while ((await consumers(events)) - (await consumers(queue)) !== count) await delay(10)
}

t.test('outcomes are followed as they come', async (t) => {
  const { connection } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2'])
  const [ev1, ev2] = [
    { ...ref, event: 'ev1' },
    { ...ref, event: 'ev2' },
  ] as const
  await nats.done(ev1, '1')
  await publish(nats.requests, { subject: eventSubjects(ev1).record('no-verdict', 'done'), payload: 'x' })
  const all = take(followOutcomes(connection, ref, { fromNow: false }), 3)
  const late = take(followOutcomes(connection, ref), 2)
  const lateOfEv2 = take(followOutcomes(connection, ref, { event: 'ev2' }), 1)
  await waitForFollowers(ref, 3)
  await nats.done(ev1, '2')
  await nats.deadLetter(ev2, '3')
  const [second, third] = await late
  t.match(second, {
    event: 'ev1',
    key: keyOf('2'),
    verdict: { kind: 'done', result: { data: Buffer.from('{"n":1}') } },
  })
  t.match(third, {
    event: 'ev2',
    key: keyOf('3'),
    verdict: { kind: 'dead', code: 'REJECTED', reason: 'nö 3' },
  })
  t.same((await all).slice(1), [second, third])
  t.same(await lateOfEv2, [third])
})

t.test('following ends when it is told to, or when there is nothing to follow', async (t) => {
  const { connection, manager } = nats
  const { ref } = await nats.newJob()
  const aborter = new AbortController()
  const followed = take(followOutcomes(connection, ref, { signal: aborter.signal }), 1)
  await waitForFollowers(ref, 1)
  aborter.abort()
  t.same(await followed, [])
  await waitForFollowers(ref, 0)
  t.same(await take(followOutcomes(connection, ref, { signal: AbortSignal.abort() }), 1), [])
  const orphaned = t.rejects(take(followOutcomes(connection, ref), 1), {
    code: 'NOT_FOUND',
    message: /no queue of the Job job-/,
  })
  await waitForFollowers(ref, 1)
  await manager.streams.delete(streamNames(ref).events)
  await orphaned
  await t.rejects(take(followOutcomes(connection, ref), 1), { code: 'NOT_FOUND' })
})

t.test('following goes on over restarts of the server, and misses nothing', async (t) => {
  const plan = nats.newPlan()
  const ref = { ...plan.ref, event: 'ev1' }
  const storeDir = testFolder(t)
  let server = await startNatsServer({ storeDir })
  const { port } = server
  const link = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(link)
  t.teardown(async () => {
    requests.close()
    await link.close()
    await server.stop()
  })
  await ensureQueues(link, plan)
  const { done } = writer(requests)
  const followed = take(followOutcomes(link, ref), 3)
  await waitForFollowers(ref, 1, link)
  await done(ref, '1')
  for (const id of ['2', '3']) {
    await server.stop()
    server = await startNatsServer({ storeDir, port })
    while (!requests.isOnline()) await delay(5)
    await done(ref, id)
  }
  t.same(
    (await followed).map(({ key }) => key),
    ['1', '2', '3'].map(keyOf),
  )
  const closed = take(followOutcomes(link, ref), 1)
  await waitForFollowers(ref, 1, link)
  await link.close()
  t.same(await closed, [], 'ends with the connection')
})

t.test('dead letters are listed, the newest first', async (t) => {
  const { connection, requests } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2'])
  const [ev1, ev2] = [
    { ...ref, event: 'ev1' },
    { ...ref, event: 'ev2' },
  ] as const
  const list = (limit = 10, event?: string) =>
    listDeadLetters(connection, ref, { limit, ...(event === undefined ? {} : { event }) })
  t.same(await list(), { letters: [], total: 0 })
  for (const id of ['1', '2', '3', '4', '5']) {
    await nats.done(ev1, `done ${id}`)
    await nats.deadLetter(ev1, id)
  }
  await nats.deadLetter(ev2, '6')
  const { letters, total } = await list(3)
  t.equal(total, 6)
  t.same(
    letters.map(({ id }) => id),
    ['6', '5', '4'],
  )
  t.same(letters[0], {
    event: 'ev2',
    key: keyOf('6'),
    code: 'REJECTED',
    reason: 'nö 6',
    attempts: 2,
    time: '2026-01-01T00:00:00.000Z',
    module: 'sha256-0',
    id: '6',
    source: '/test',
    type: 'test.made',
  })
  t.match(await list(10, 'ev1'), { total: 5, letters: { length: 5 } })
  t.match(await list(1, 'ev2'), { total: 1, letters: [{ id: '6' }] })
  t.same(await list(10, 'ev3'), { letters: [], total: 0 })

  const before = await newestRecord(requests, ev1, keyOf('3'))
  const seq = await nats.deadLetter(ev1, '3')
  await deleteMessage(requests, streamNames(ref).events, before?.seq ?? 0)
  t.same(
    (await list(2)).letters.map(({ id }) => id),
    ['3', '6'],
    'one that died once more is the newest',
  )
  await nats.done(ev1, '3', seq)
  t.match(await list(2), { total: 5, letters: [{ id: '6' }] }, 'one that was redriven and is done is none')
  await t.rejects(listDeadLetters(connection, { ...ref, job: 'none' }, { limit: 1 }), { code: 'NOT_FOUND' })
})

t.test('a key is found at all events of a Job', async (t) => {
  const { requests, manager } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2', 'ev3'])
  const [ev1, ev2, ev3] = ['ev1', 'ev2', 'ev3'].map((event) => ({ ...ref, event })) as [
    EventRef,
    EventRef,
    EventRef,
  ]
  const find = (id: string) => findEvents(requests, ref, keyOf(id))
  t.same(await find('a'), [])
  await nats.accept(ev1, 'a')
  await nats.park(ev2, keyOf('a'))
  t.match(await find('a'), [
    { event: 'ev1', state: 'pending', identity: { id: 'a', source: '/test' } },
    { event: 'ev2', state: 'pending' },
  ])
  await nats.done(ev3, 'a')
  await nats.deadLetter(ev2, 'b')
  t.match(await find('a'), {
    2: { event: 'ev3', state: 'done', verdict: { result: { data: Buffer.from('{"n":1}') } } },
  })
  t.match(await find('b'), [{ event: 'ev2', state: 'dead', verdict: { code: 'REJECTED', attempts: 2 } }])
  t.same(await find('c'), [])
  t.same(await findEvents(requests, ref, '*'), [], 'what is no key')
  await t.rejects(findEvents(requests, { ...ref, job: 'none' }, keyOf('a')), { code: 'NOT_FOUND' })
  await manager.streams.delete(streamNames(ref).events)
  await t.rejects(find('a'), { code: 'NOT_FOUND' })
})
