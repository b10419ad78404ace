import { join } from 'node:path'

import t, { type Test } from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { eventKey, eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { publish } from '../jetstream/publish.ts'
import { eventState } from '../outcomes/event-state.ts'
import { readRelations } from '../outcomes/relations.ts'
import { verdictHeaders, verdictPayload, type Verdict } from '../outcomes/verdict.ts'
import { newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

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

t.test('what was emitted is handed over from the verdict, whoever died before', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2', 'ev3'])
  const event = newEvent({ do: 'emit' })
  const key = await fixture.accept(ref, event)
  const stop = await fixture.startHere(t, ref, emitSetting(t, EMITS))
  t.equal((await fixture.ended(ref, key)).state, 'done')
  const retries = streamNames(ref).retry
  await until(async () => (await fixture.messages(retries)) === 3)
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  await stop()

  // As if it had died with the verdict stored, one of the three handed over, and nothing acknowledged.
  await manager.streams.purge(retries, { keep: 1 })
  const headers = eventHeaders(event)
  await publish(requests, { subject: eventSubjects(ref).queued(key), headers, payload: event.data ?? '' })
  await fixture.forgetMessageIds(ref)
  await fixture.startHere(t, ref, emitSetting(t, EMITS))
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  t.equal(await fixture.messages(retries), 3, 'each is there once')
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

t.test('what another copy of the event has emitted is handed over, though this one fails', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  await fixture.startHere(t, ref, { ...emitSetting(t, EMITS), JOBICO_TIMEOUT_MS: '2000' })
  const key = await fixture.accept(ref, newEvent({ do: 'loop' }))
  // The copy before has stored its verdict while this one runs, and died.
  const attributes = { specversion: '1.0', id: key, source: '/made', type: 'made' }
  const verdict: Verdict = {
    kind: 'done',
    result: { attributes, data: undefined, trace: {} },
    emitted: [{ event: 'ev2', data: Buffer.from('{"ok":1}') }],
    ...{ attempts: 1, module: 'sha256-00', time: '2026-01-01T00:00:00Z' },
  }
  await publish(requests, {
    subject: eventSubjects(ref).verdict(key),
    headers: verdictHeaders(verdict),
    payload: verdictPayload(verdict),
  })
  const next = eventKey('/made', `${key}-1`)
  await until(async () => (await eventState(requests, { ...ref, event: 'ev2' }, next)).state === 'pending')
  t.equal((await fixture.ended(ref, key)).state, 'done', 'and the verdict stands')
})
