import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import t from 'tap'

import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { eventKey, eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { expectNewest, publish } from '../jetstream/publish.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
import { readHistory } from '../outcomes/history.ts'
import { readRelations } from '../outcomes/relations.ts'
import { JOBICO_HEADERS, verdictHeaders } from '../outcomes/verdict.ts'
import { keyOf, newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
let requests: Fixture['requests']

t.before(async () => {
  fixture = await startFixture(t)
  ;({ requests } = fixture)
})

t.test('each outcome ends as it should, and leaves nothing behind', async (t) => {
  const ref = await fixture.newJob()
  // On a busy machine nine executions at once take longer than the tests of deadlines allow.
  await fixture.startHere(t, ref, { JOBICO_TIMEOUT_MS: '2000' })
  const cases = [
    { do: 'ok', state: 'done', attempts: 1, data: '{"ok":true}' },
    { do: 'null', state: 'done', attempts: 1, data: undefined },
    { do: 'env', state: 'done', attempts: 1, data: '"blue"' },
    { do: 'reject', state: 'dead', attempts: 1, code: 'REJECTED' },
    { do: 'retry', state: 'dead', attempts: 3, code: 'RETRY_REQUESTED' },
    { do: 'trap', state: 'dead', attempts: 3, code: 'MODULE_TRAP' },
    { do: 'loop', state: 'dead', attempts: 3, code: 'TIMEOUT' },
    { do: 'broken', state: 'dead', attempts: 3, code: 'RESULT_INVALID' },
    { do: 'big', state: 'dead', attempts: 1, code: 'RESULT_TOO_LARGE' },
  ]
  await Promise.all(
    cases.map(async ({ do: what, state, attempts, data, code }) => {
      const event = newEvent({ do: what })
      const end = await fixture.ended(ref, await fixture.accept(ref, event))
      t.equal(end.state, state, `${what} is ${state}`)
      t.equal(end.verdict.attempts, attempts, `${what} after ${attempts} attempts`)
      t.match(end.verdict.module, /^sha256-[0-9a-f]{64}$/)
      if (end.state === 'dead') {
        t.equal(end.verdict.code, code)
        t.same(
          end.verdict.errors.map(({ attempt }) => attempt),
          Array.from({ length: attempts }, (_, i) => i + 1),
        )
        const body = await newestRecord(requests, ref, keyOf(event))
        t.equal(String(body?.data), JSON.stringify({ do: what }), `${what} keeps the event as it was`)
        t.equal(body?.headers?.get('ce-id'), event.attributes.id)
        t.equal(body?.headers?.get(JOBICO_HEADERS.code), code)
      } else {
        t.equal(end.verdict.result.data && String(Buffer.from(end.verdict.result.data)), data)
      }
    }),
  )
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  await until(async () => (await fixture.messages(streamNames(ref).events)) === cases.length)
})

t.test('a result is a CloudEvent that names its cause', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  const event = newEvent({ do: 'ok' }, 'an id')
  const key = await fixture.accept(ref, event)
  const end = await fixture.ended(ref, key)
  t.match(end.state === 'done' && end.verdict.result, {
    attributes: {
      specversion: '1.0',
      id: key,
      source: `/namespaces/test/jobs/${ref.job}/events/ev1`,
      type: 'test.made.result',
      subject: 'émile',
      causationid: 'an id',
      causationsource: '/test',
      datacontenttype: 'application/json',
    },
    trace: event.trace,
  })
})

t.test('an endless loop holds up no other event', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref, { JOBICO_TIMEOUT_MS: '3000' })
  const loop = await fixture.accept(ref, newEvent({ do: 'loop' }))
  const others = await Promise.all(
    Array.from({ length: 50 }, () => fixture.accept(ref, newEvent({ do: 'ok' }))),
  )
  for (const key of others) t.equal((await fixture.ended(ref, key)).state, 'done')
  t.equal((await eventState(requests, ref, loop)).state, 'pending')
})

t.test('output goes to the next event, once', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  const schema = join(t.testdir({ 'schema.json': '{"type":"object","required":["ok"]}' }), 'schema.json')
  const second = { ...ref, event: 'ev2' }
  await fixture.startHere(t, ref, { JOBICO_OUTPUT: JSON.stringify({ event: 'ev2', schema }) })
  await fixture.startHere(t, second)
  const key = await fixture.accept(ref, newEvent({ do: 'ok' }))
  t.equal((await fixture.ended(ref, key)).state, 'done')
  const nextKey = eventKey(`/namespaces/test/jobs/${ref.job}/events/ev1`, key)
  const next = await fixture.ended(second, nextKey)
  t.match(next.state === 'done' && next.verdict.result.attributes, {
    type: 'test.made.result.result',
    causationid: key,
  })
  t.same(await readRelations(requests, ref, key, await fixture.ended(ref, key)), {
    effects: [{ event: 'ev2', key: nextKey, state: 'done' }],
  })
  t.same(await readRelations(requests, second, nextKey, next), {
    cause: { event: 'ev1', key, state: 'done' },
    effects: [],
  })

  const refused = await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'env' })))
  t.match(refused, {
    state: 'dead',
    verdict: { code: 'OUTPUT_INVALID', reason: /does not match the schema of the event ev2/ },
  })

  const none = await fixture.accept(ref, newEvent({ do: 'null' }))
  t.equal((await fixture.ended(ref, none)).state, 'done')
  t.equal(
    (await eventState(requests, second, eventKey(`/namespaces/test/jobs/${ref.job}/events/ev1`, none))).state,
    'unknown',
  )
})

t.test(
  'an event that comes again after it has ended does not hand over again, and its verdict stands',
  async (t) => {
    const ref = await fixture.newJob(['ev1', 'ev2'])
    const schema = join(t.testdir({ 'schema.json': 'true' }), 'schema.json')
    const event = newEvent({ do: 'ok' })
    const key = await fixture.accept(ref, event)
    await fixture.startHere(t, ref, { JOBICO_OUTPUT: JSON.stringify({ event: 'ev2', schema }) })
    t.equal((await fixture.ended(ref, key)).state, 'done')
    const nextKey = eventKey(`/namespaces/test/jobs/${ref.job}/events/ev1`, key)
    const next = await newestRecord(requests, { ...ref, event: 'ev2' }, nextKey)
    t.equal(next?.kind, 'due', 'handed over with the verdict')
    t.match(readHistory(next?.headers), { root: key, hops: 1 })
    await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
    const before = await newestRecord(requests, ref, key)
    const headers = eventHeaders(event)
    await publish(requests, { subject: eventSubjects(ref).queued(key), headers, payload: event.data ?? '' })
    await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
    t.equal((await newestRecord(requests, ref, key))?.seq, before?.seq)
    t.equal((await newestRecord(requests, { ...ref, event: 'ev2' }, nextKey))?.seq, next?.seq)
  },
)

t.test('a sink gets binary CloudEvents, and its answer decides', async (t) => {
  const answers = [503, 429, 204, 400]
  const seen: { headers: Record<string, unknown>; body: string }[] = []
  const sink = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += String(chunk)))
    request.on('end', () => {
      seen.push({ headers: request.headers, body })
      response.writeHead(answers[seen.length - 1] ?? 500, { 'retry-after': '0' }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  t.teardown(() => sink.close())
  const ref = await fixture.newJob()
  const uri = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/in`
  await fixture.startHere(t, ref, {
    JOBICO_OUTPUT: JSON.stringify({ sink: uri }),
    JOBICO_LOCAL_SINKS: 'true',
    // On a busy machine an attempt takes longer than the tests of deadlines allow.
    JOBICO_TIMEOUT_MS: '10000',
  })
  const key = await fixture.accept(ref, newEvent({ do: 'ok' }))
  t.match(await fixture.ended(ref, key), { state: 'done', verdict: { attempts: 3 } })
  t.match(seen[2], {
    headers: {
      'ce-id': key,
      'ce-specversion': '1.0',
      'ce-subject': '%C3%A9mile',
      'content-type': /^application\/json/,
      traceparent: /^00-/,
    },
    body: '{"ok":true}',
  })
  t.match(await fixture.ended(ref, await fixture.accept(ref, newEvent({ do: 'ok' }))), {
    state: 'dead',
    verdict: { code: 'SINK_REFUSED' },
  })
})

t.test('a redriven event replaces its dead letter, once', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  const event = newEvent({ do: 'reject' })
  const key = await fixture.accept(ref, event)
  t.equal((await fixture.ended(ref, key)).state, 'dead')
  const dead = await newestRecord(requests, ref, key)
  await redrive(ref, event, dead?.seq ?? 0)
  await until(async () => (await eventState(requests, ref, key)).state === 'done')
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  const done = await newestRecord(requests, ref, key)
  t.equal(done?.kind, 'done', 'no dead letter is left')
  await redrive(ref, event, dead?.seq ?? 0)
  t.equal((await newestRecord(requests, ref, key))?.seq, done?.seq, 'a letter that is gone is not redriven')
})

async function redrive(ref: EventRef, event: CloudEvent, seq: number): Promise<void> {
  const headers = eventHeaders(event)
  const subjects = eventSubjects(ref)
  headers.set(JOBICO_HEADERS.redrive, String(seq))
  expectNewest(headers, subjects.records(keyOf(event)), seq)
  const subject = subjects.record(keyOf(event), 'due')
  await publish(requests, { subject, headers, payload: '{"do":"ok"}' })
}

t.test(
  'a runner that dies before it removes the dead letter of a redriven event leaves none behind',
  async (t) => {
    const ref = await fixture.newJob()
    const stop = await fixture.startHere(t, ref)
    const event = newEvent({ do: 'reject' })
    const key = await fixture.accept(ref, event)
    await fixture.ended(ref, key)
    await stop()
    const { seq = 0 } = (await newestRecord(requests, ref, key)) ?? {}
    await redrive(ref, event, seq)
    const facts = { attempts: 1, module: 'sha256-0', time: new Date().toISOString() }
    const done = verdictHeaders({ kind: 'done', result: { ...event, data: undefined }, ...facts })
    await publish(requests, { subject: eventSubjects(ref).record(key, 'done'), headers: done })
    const verdict = await newestRecord(requests, ref, key)
    t.equal(await fixture.messages(streamNames(ref).events), 3, 'dead, due and done')
    await fixture.startHere(t, ref)
    await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
    t.same(await newestRecord(requests, ref, key), verdict, 'and nothing ran')
  },
)
