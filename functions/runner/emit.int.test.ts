import { join } from 'node:path'

import t, { type Test } from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { descendantsSubject, eventKey, eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { publish } from '../jetstream/publish.ts'
import { readBacklog } from '../queues/backlog.ts'
import { eventState } from '../outcomes/event-state.ts'
import { readRelations } from '../outcomes/relations.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { MAX_DESCENDANTS } from './attempts/families.ts'
import { keyOf, newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
let requests: Fixture['requests']
let manager: Fixture['manager']

t.before(async () => {
  fixture = await startFixture(t)
  ;({ requests, manager } = fixture)
})

/** The schemas of events into which a module may emit. */
function emitSetting(t: Test, schemas: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const folder = t.testdir(schemas)
  const paths = Object.keys(schemas).map((event) => [event, join(folder, event)])
  return { JOBICO_EMIT: JSON.stringify({ ...Object.fromEntries(paths), ev4: null }) }
}

const EMITS = { ev2: '{"type":"object","required":["ok"]}', ev3: 'true' }

t.test(
  'events that all hand over to others come to their end, also where there is room for few',
  async (t) => {
    const ref = { ...(await fixture.newJob(['ping'])), event: 'ping' }
    const { queue } = streamNames(ref)
    const maxBytes = 200_000
    const { config } = await manager.streams.info(queue)
    await manager.streams.update(queue, { ...config, max_bytes: maxBytes })
    await Promise.all(Array.from({ length: 20 }, () => fixture.accept(ref, newEvent({ do: 'fan 3' }))))
    const emit = { ping: join(t.testdir({ any: 'true' }), 'any') }
    await fixture.startHere(t, ref, { JOBICO_EMIT: JSON.stringify(emit) })
    const backlog = () => readBacklog(requests.connection, ref)
    await until(async () => (await backlog())?.pending === 0)
    t.match(await backlog(), { pending: 0, dead: 0 })
  },
)

t.test('what is emitted goes to other events of the Job, once the event is done', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2', 'ev3'])
  const [second, third] = [
    { ...ref, event: 'ev2' },
    { ...ref, event: 'ev3' },
  ]
  await fixture.startHere(t, ref, emitSetting(t, EMITS))
  await fixture.startHere(t, second)
  await fixture.startHere(t, third)
  const keyOfEmitted = (key: string, number: number) =>
    eventKey(`/namespaces/test/jobs/${ref.job}/events/ev1`, `${key}-${number}`)
  const run = async (what: string) => {
    const key = await fixture.accept(ref, newEvent({ do: what }))
    return { key, end: await fixture.ended(ref, key) }
  }
  const { key, end } = await run('emit')
  t.match(end, { state: 'done', verdict: { result: { data: undefined } } })
  for (const [number, to] of [second, third, second].entries()) {
    const next = await fixture.ended(to, keyOfEmitted(key, number + 1))
    t.match(next.state === 'done' && next.verdict.result.attributes, {
      type: 'test.made.result.result',
      subject: 'émile',
      causationid: `${key}-${number + 1}`,
    })
  }
  const relations = async (at: EventRef, of: string) => {
    const state = await eventState(requests, at, of)
    if (state.state === 'unknown') throw new Error('the event is known')
    return await readRelations(requests, at, of, state)
  }
  t.same(await relations(ref, key), {
    effects: ['ev2', 'ev3', 'ev2'].map((event, index) => ({
      event,
      key: keyOfEmitted(key, index + 1),
      state: 'done',
    })),
  })
  t.same(await relations(third, keyOfEmitted(key, 2)), {
    cause: { event: 'ev1', key, state: 'done' },
    effects: [],
  })
  const cases = [
    { do: 'emit and reject', code: 'REJECTED', reason: 'not today' },
    {
      do: 'emit misfit',
      code: 'OUTPUT_INVALID',
      reason: /what it emits does not match the schema of the event ev2: \/ /,
    },
    { do: 'emit nowhere', code: 'OUTPUT_INVALID', reason: /"ev9", which is no other event .* ev2, ev3, ev4/ },
    { do: 'emit unserved', code: 'OUTPUT_INVALID', reason: /ev4, which is not served: see why/, attempts: 3 },
    { do: 'emit large', code: 'RESULT_TOO_LARGE', reason: /what is emitted have 110/ },
  ]
  for (const { do: what, ...verdict } of cases) {
    const { key, end } = await run(what)
    t.match(end, { state: 'dead', verdict: { attempts: 1, ...verdict } }, what)
    t.equal((await eventState(requests, second, keyOfEmitted(key, 1))).state, 'unknown', 'nothing is emitted')
  }
})

t.test('verdict and hand-overs are stored together: while they can not be, there is neither', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2', 'ev3'])
  const { events } = streamNames(ref)
  const { config } = await manager.streams.info(events)
  await fixture.startHere(t, ref, emitSetting(t, EMITS))
  await manager.streams.update(events, { ...config, max_msg_size: 400 })
  const key = await fixture.accept(ref, newEvent({ do: 'emit' }))
  await until(async () => (await manager.consumers.info(streamNames(ref).queue, 'ev1')).num_ack_pending === 1)
  t.equal((await eventState(requests, ref, key)).state, 'pending')
  t.equal(await fixture.messages(events), 0)
  await manager.streams.update(events, { ...config, max_msg_size: -1 })
  t.equal((await fixture.ended(ref, key)).state, 'done')
  t.equal(await fixture.messages(events), 5, 'the verdict, three hand-overs and their count')
})

t.test('a circle of events that emit to each other comes to an end', async (t) => {
  const ref = { ...(await fixture.newJob(['ping', 'pong'])), event: 'ping' }
  await fixture.startHere(t, ref, emitSetting(t, { ping: 'true' }))
  let key = await fixture.accept(ref, newEvent({ do: 'ping' }))
  let hops = 0
  for (; (await fixture.ended(ref, key)).state === 'done'; hops++)
    key = eventKey(`/namespaces/test/jobs/${ref.job}/events/ping`, `${key}-1`)
  t.equal(hops, 100)
  t.match(await fixture.ended(ref, key), {
    verdict: { code: 'OUTPUT_INVALID', reason: /^100 hand-overs led to this event, .* break the circle/ },
  })
})

t.test('an event has no more than so many descendants, and says why', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2', 'ev3'])
  await fixture.startHere(t, ref, emitSetting(t, EMITS))
  const event = newEvent({ do: 'emit' })
  const key = keyOf(event)
  const before = MAX_DESCENDANTS - 3
  await publish(requests, { subject: descendantsSubject(ref, key), payload: String(before) })
  t.equal((await fixture.ended(ref, await fixture.accept(ref, event))).state, 'done', 'the last three')
  const next = newEvent({ do: 'emit' })
  const headers = eventHeaders(next)
  headers.set(JOBICO_HEADERS.root, key)
  headers.set(JOBICO_HEADERS.hops, '1')
  const subject = eventSubjects(ref).record(keyOf(next), 'due')
  await publish(requests, { subject, headers, payload: next.data ?? '' })
  t.match(await fixture.ended(ref, keyOf(next)), {
    state: 'dead',
    verdict: {
      code: 'OUTPUT_INVALID',
      reason: /10000 events came out of one event by hand-overs, .* 10000 /,
    },
  })
})

t.test('many members of one family raise its count together', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2', 'ev3'])
  for (let pods = 0; pods < 2; pods++) await fixture.startHere(t, ref, emitSetting(t, EMITS))
  const members = Array.from({ length: 40 }, () => newEvent({ do: 'emit' }))
  for (const member of members) {
    const headers = eventHeaders(member)
    headers.set(JOBICO_HEADERS.root, 'root')
    headers.set(JOBICO_HEADERS.hops, '1')
    const subject = eventSubjects(ref).record(keyOf(member), 'due')
    await publish(requests, { subject, headers, payload: member.data ?? '' })
  }
  for (const member of members) t.equal((await fixture.ended(ref, keyOf(member))).state, 'done')
  const count = await lastMessage(requests, streamNames(ref).events, descendantsSubject(ref, 'root'))
  t.match(String(count?.data), /^120 \d+$/, 'how many, and their bytes')
})
