import { setImmediate } from 'node:timers/promises'

import type { InjectOptions } from 'fastify'
import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import {
  acceptedOf,
  BATCH,
  binary,
  createFixture,
  DEAD,
  done,
  keyOf,
  post,
  problemOf,
  REF,
  STRUCTURED,
  structuredEvent,
} from '../listener.fixture.ts'
import { eventKey, eventSubjects } from '../../queues/names.ts'
import { createSemaphore } from './semaphore.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)

t.test('duplicates', async (t) => {
  const listener = fixture.app(t)
  const request = binary()
  const duplicates = async (sent: InjectOptions) => {
    const answer = await listener.inject(sent)
    t.equal(answer.statusCode, 202, answer.body)
    return acceptedOf(answer).map(({ duplicate }) => duplicate)
  }
  t.same(await duplicates(request), [false])
  t.same(await duplicates(request), [true], 'while it is pending')
  const key = keyOf(request)
  await fixture.settle(key, done(key))
  t.same(await duplicates(request), [true], 'when it is done, within the window')

  const [a, b] = [structuredEvent(), structuredEvent()]
  t.same(await duplicates(post(BATCH, [a, b, a])), [false, false, true], 'twice in one request')
  t.same(await duplicates(post(BATCH, [a, b])), [true, true], 'a batch of known events')
  t.same(await duplicates(post(BATCH, [b, structuredEvent(), a])), [true, false, true], 'one is left')
  t.same(
    await duplicates(post(BATCH, [b, structuredEvent(), structuredEvent(), a])),
    [true, false, false, true],
    'several are left',
  )
  const c = structuredEvent()
  t.same(await duplicates(post(BATCH, [c, c, c])), [false, true, true], 'one identity only')
})

t.test('an event that is pending still, though its window is over, is a duplicate', async (t) => {
  const listener = fixture.app(t)
  const [a, b, c, d] = [structuredEvent(), structuredEvent(), structuredEvent(), structuredEvent()]
  // Without its message id, JetStream knows the event only by its subject, as when the window is over.
  for (const { id } of [a, b]) {
    await fixture.requests.send({ subject: eventSubjects(REF).queued(eventKey('/s', id)), payload: '{}' })
  }
  const duplicates = async (...events: object[]) => {
    const answer = await listener.inject(post(BATCH, events))
    t.equal(answer.statusCode, 202, answer.body)
    return acceptedOf(answer).map(({ duplicate }) => duplicate)
  }
  t.same(await duplicates(a), [true])
  t.same(await duplicates(a, c, b, d), [true, false, true, false])
  t.same(await duplicates(a, b), [true, true])
})

t.test('an event of which nothing is known any more is new, also within its window', async (t) => {
  const listener = fixture.app(t)
  const purged = async () => {
    const event = structuredEvent()
    await listener.inject(post(STRUCTURED, event))
    const key = eventKey('/s', event.id)
    await fixture.settle(key, DEAD)
    await fixture.forget(key)
    return event
  }
  const accepted = async (...events: object[]) => {
    const answer = await listener.inject(
      events.length === 1 ? post(STRUCTURED, events[0]) : post(BATCH, events),
    )
    t.equal(answer.statusCode, 202, answer.body)
    const all = acceptedOf(answer)
    for (const { key } of all) {
      const state = await listener.inject({ url: `/events/${key}` })
      t.equal(state.statusCode, 200, 'a 202 has a state behind it')
    }
    return all.map(({ duplicate }) => duplicate)
  }
  const one = await purged()
  t.same(await accepted(one), [false], 'alone')
  t.same(await accepted(one), [true], 'and only once')
  await fixture.settle(eventKey('/s', one.id), DEAD)
  await fixture.forget(eventKey('/s', one.id))
  t.same(await accepted(one), [false], 'purged again')

  const [a, b] = [await purged(), await purged()]
  const [fresh, dead, pending] = [structuredEvent(), structuredEvent(), structuredEvent()]
  t.same(await accepted(dead, pending), [false, false])
  await fixture.settle(eventKey('/s', dead.id), DEAD)
  t.same(await accepted(a, dead, fresh, b, pending, a), [false, true, false, false, true, true], 'in a batch')
  t.same(await accepted(fresh), [true])
  await fixture.settle(eventKey('/s', fresh.id), DEAD)
  await fixture.forget(eventKey('/s', fresh.id))
  t.same(
    await accepted(fresh, structuredEvent()),
    [false, false],
    'NATS knows the id of what was new in a batch',
  )

  const racing = await purged()
  const answers = await Promise.all(Array.from({ length: 10 }, () => accepted(racing)))
  t.equal(answers.flat().filter((duplicate) => !duplicate).length, 1, 'one of many requests stores it')
  const many = await Promise.all(Array.from({ length: 150 }, purged))
  t.notOk((await accepted(...many)).includes(true), 'more than are looked up at a time')
})

t.test('an event whose outcome this version can not read is known', async (t) => {
  const listener = fixture.app(t)
  const event = structuredEvent()
  await listener.inject(post(STRUCTURED, event))
  const key = eventKey('/s', event.id)
  await fixture.settle(key, done(key, '1'))
  await fixture.requests.send({ subject: eventSubjects(REF).record(key, 'done'), payload: 'x' })
  for (const events of [[event], [event, structuredEvent()]]) {
    const answer = await listener.inject(post(BATCH, events))
    t.match(acceptedOf(answer)[0], { duplicate: true })
  }
  const state = await listener.inject({ url: `/events/${key}` })
  t.match(problemOf(state), { status: 502, code: 'MESSAGE_UNREADABLE' })
})

t.test('a full batch of 1,000 events, then again with one more', async (t) => {
  const listener = fixture.app(t)
  const events = Array.from({ length: 1_000 }, () => structuredEvent())
  const before = await fixture.count()
  const first = await listener.inject(post(BATCH, events))
  t.equal(first.statusCode, 202)
  t.equal(await fixture.count(), before + 1_000)
  const again = await listener.inject(post(BATCH, [...events.slice(1), structuredEvent()]))
  t.equal(acceptedOf(again).filter(({ duplicate }) => !duplicate).length, 1)
  t.equal(await fixture.count(), before + 1_001)
})

t.test('many batches at once', async (t) => {
  const listener = fixture.app(t)
  const before = await fixture.count()
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => listener.inject(post(BATCH, [structuredEvent(), structuredEvent()]))),
  )
  t.ok(answers.every(({ statusCode }) => statusCode === 202))
  t.equal(await fixture.count(), before + 120)
  const shared = [structuredEvent(), structuredEvent(), structuredEvent()]
  const racing = await Promise.all(Array.from({ length: 10 }, () => listener.inject(post(BATCH, shared))))
  const taken = racing.filter(({ statusCode }) => statusCode === 202)
  t.ok(taken.length > 0)
  const fresh = taken.flatMap(acceptedOf).filter(({ duplicate }) => !duplicate)
  t.equal(fresh.length, 3, 'each event is stored by one request')
})

t.test('a full queue', async (t) => {
  const full = await fixture.otherJob('full', { maxBytes: 2_000 })
  const listener = fixture.app(t, { ref: full })
  let answer = await listener.inject(binary())
  while (answer.statusCode === 202) answer = await listener.inject(binary())
  t.equal(answer.statusCode, 503)
  t.equal(problemOf(answer).code, 'QUEUE_FULL')
  t.match(answer.headers['retry-after'], /^[1-5]$/)
  const batch = await listener.inject(post(BATCH, [structuredEvent(), structuredEvent()]))
  t.equal(problemOf(batch).code, 'QUEUE_FULL')
})

t.test('no stream', async (t) => {
  const listener = fixture.app(t, { ref: { ...REF, job: 'none' } })
  const key = 'a'.repeat(26)
  for (const request of [
    binary(),
    post(BATCH, [structuredEvent(), structuredEvent()]),
    { url: `/events/${key}` },
  ]) {
    const answer = await listener.inject(request)
    t.equal(answer.statusCode, 503, answer.body)
    t.equal(problemOf(answer).code, 'QUEUE_UNAVAILABLE')
  }
})

t.test('a semaphore lets in so many, in turn, and fails those that wait when one fails', async (t) => {
  const gate = createSemaphore(2)
  const begun: number[] = []
  const ends: { resolve: () => void; reject: (why: Error) => void }[] = []
  const run = (name: number) =>
    gate.run(() => {
      begun.push(name)
      return new Promise<void>((resolve, reject) => ends.push({ resolve, reject }))
    })
  const runs = [1, 2, 3, 4, 5].map(run)
  t.same(begun, [1, 2])
  ends[0]?.resolve()
  await runs[0]
  await setImmediate()
  t.same(begun, [1, 2, 3])
  const outcomes = Promise.allSettled(runs)
  ends[1]?.reject(new Error('gone'))
  ends[2]?.resolve()
  t.same(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected'],
  )
  const again = run(6)
  await setImmediate()
  t.same(begun, [1, 2, 3, 6], 'there is room again')
  ends[3]?.resolve()
  await again
})
