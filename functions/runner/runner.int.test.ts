import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import t from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { eventKey, eventSubjects, streamNames } from '../queues/names.ts'
import { publish } from '../jetstream/publish.ts'
import { eventState, readVerdict } from '../outcomes/event-state.ts'
import { readRelations } from '../outcomes/relations.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS, verdictHeaders } from '../outcomes/verdict.ts'
import { keyOf, newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
let requests: Fixture['requests']
let manager: Fixture['manager']

t.before(async () => {
  fixture = await startFixture(t)
  ;({ requests, manager } = fixture)
})

t.test('each outcome ends as it should, and leaves nothing behind', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
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
        const body = await lastMessage(
          requests,
          streamNames(ref).outcomes,
          eventSubjects(ref).deadBody(keyOf(event)),
        )
        t.equal(String(body?.data), JSON.stringify({ do: what }), `${what} keeps the event as it was`)
        t.equal(body?.headers?.get('ce-id'), event.attributes.id)
        t.equal(body?.headers?.get(JOBICO_HEADERS.code), code)
      } else {
        t.equal(end.verdict.result.data && String(Buffer.from(end.verdict.result.data)), data)
      }
    }),
  )
  await until(
    async () =>
      (await fixture.messages(streamNames(ref).queue)) === 0 &&
      (await fixture.messages(streamNames(ref).retry)) === 0,
  )
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

t.test('a hand-over that was broken off is finished from the verdict', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  const schema = join(t.testdir({ 'schema.json': 'true' }), 'schema.json')
  const output = { JOBICO_OUTPUT: JSON.stringify({ event: 'ev2', schema }) }
  const event = newEvent({ do: 'ok' })
  const key = await fixture.accept(ref, event)
  const stopFirst = await fixture.startHere(t, ref, output)
  t.equal((await fixture.ended(ref, key)).state, 'done')
  const nextKey = eventKey(`/namespaces/test/jobs/${ref.job}/events/ev1`, key)
  await until(async () => (await eventState(requests, { ...ref, event: 'ev2' }, nextKey)).state === 'pending')
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  await stopFirst()

  await manager.streams.purge(streamNames(ref).retry)
  const headers = eventHeaders(event)
  await publish(requests, { subject: eventSubjects(ref).queued(key), headers, payload: event.data ?? '' })
  const verdictBefore = await readVerdict(requests, ref, key)
  await fixture.forgetMessageIds(ref)
  await fixture.startHere(t, ref, output)
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  t.equal(
    (await eventState(requests, { ...ref, event: 'ev2' }, nextKey)).state,
    'pending',
    'handed over again',
  )
  t.equal((await readVerdict(requests, ref, key))?.seq, verdictBefore?.seq, 'with the same verdict')
})

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

t.test('a redriven event replaces its dead verdict, once', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  const event = newEvent({ do: 'reject' })
  const key = await fixture.accept(ref, event)
  t.equal((await fixture.ended(ref, key)).state, 'dead')
  const dead = await readVerdict(requests, ref, key)
  const redrive = async (seq: number) => {
    const headers = eventHeaders(event)
    headers.set(JOBICO_HEADERS.redrive, String(seq))
    await publish(requests, { subject: eventSubjects(ref).due(key), headers, payload: '{"do":"ok"}' })
  }
  await redrive(dead?.seq ?? 0)
  await until(async () => (await eventState(requests, ref, key)).state === 'done')
  const done = await readVerdict(requests, ref, key)
  await redrive(dead?.seq ?? 0)
  await until(async () => (await fixture.messages(streamNames(ref).retry)) === 0)
  t.equal(await fixture.messages(streamNames(ref).outcomes), 1, 'no body is left')
  t.equal(
    (await readVerdict(requests, ref, key))?.seq,
    done?.seq,
    'a redrive whose verdict has moved on does not run',
  )
})

t.test('a runner that dies before it removes the body of a redriven event leaves none behind', async (t) => {
  const ref = await fixture.newJob()
  const stop = await fixture.startHere(t, ref)
  const event = newEvent({ do: 'reject' })
  const key = await fixture.accept(ref, event)
  await fixture.ended(ref, key)
  await stop()
  const dead = await readVerdict(requests, ref, key)
  const facts = { attempts: 1, module: 'sha256-0', time: new Date().toISOString() }
  const done = verdictHeaders({ kind: 'done', result: { ...event, data: undefined }, ...facts })
  done.set('Nats-Expected-Last-Subject-Sequence', String(dead?.seq))
  await publish(requests, { subject: eventSubjects(ref).verdict(key), headers: done })
  const verdict = await readVerdict(requests, ref, key)
  t.equal(await fixture.messages(streamNames(ref).outcomes), 2, 'verdict and body')

  const headers = eventHeaders(event)
  headers.set(JOBICO_HEADERS.redrive, String(dead?.seq))
  await publish(requests, { subject: eventSubjects(ref).due(key), headers, payload: event.data ?? '' })
  await fixture.startHere(t, ref)
  await until(async () => (await fixture.messages(streamNames(ref).retry)) === 0)
  t.equal(await fixture.messages(streamNames(ref).outcomes), 1, 'the body is gone')
  t.same(await readVerdict(requests, ref, key), verdict, 'and nothing ran')
})
