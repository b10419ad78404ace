import type { InjectOptions } from 'fastify'
import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { createMetrics } from '../metrics.ts'
import {
  acceptedOf,
  BATCH,
  binary,
  createFixture,
  freshId,
  keyOf,
  PERSON,
  post,
  problemOf,
  STRUCTURED,
  structuredEvent,
} from '../listener.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)

t.test('takes every kind of body and stores what was sent', async (t) => {
  const listener = fixture.app(t)
  const raw = '{ "firstName": "Zoë",\n "lastName": "Costa", "n": 12345678901234567890 }'
  const id = freshId()
  const cases = [
    { name: 'binary', request: binary({ 'ce-id': id }, raw) },
    {
      name: 'structured',
      request: post(STRUCTURED, `{"specversion":"1.0","id":"${id}s","source":"/s","type":"a","data":${raw}}`),
    },
    {
      name: 'base64',
      request: post(STRUCTURED, {
        ...structuredEvent(),
        data: undefined,
        data_base64: Buffer.from(raw).toString('base64'),
      }),
    },
    {
      name: 'batch of one',
      request: post(BATCH, `[{"specversion":"1.0","id":"${id}b","source":"/s","type":"a","data":${raw}}]`),
    },
    { name: 'bare data', request: post('application/json', `{"data":[${raw}]}`) },
  ]
  for (const { name, request } of cases) {
    for (const prefix of ['', '/listener/ev1']) {
      const answer = await listener.inject({ ...request, url: prefix || '/' })
      t.equal(answer.statusCode, 202, `${name} ${answer.body}`)
      const accepted = acceptedOf(answer)
      t.same(
        accepted.map(({ key }) => `${prefix}/events/${key}`),
        [answer.headers.location],
      )
      const { header, text } = await fixture.sent(answer)
      t.equal(text, raw, `${name}: data untouched`)
      t.same(
        accepted.map((one) => [`ev1.${one.key}`, one.id]),
        [[header('Nats-Msg-Id'), header('ce-id')]],
      )
    }
  }
  const { header } = await fixture.sent(await listener.inject(binary({ 'ce-id': id }, raw)))
  t.same(['ce-specversion', 'ce-source', 'ce-type', 'ce-datacontenttype'].map(header), [
    '1.0',
    '/s',
    'a',
    'application/json',
  ])
})

t.test('makes events of bare data', async (t) => {
  const listener = fixture.app(t)
  const items = [PERSON, { ...PERSON, firstName: 'B' }]
  const fresh = await listener.inject(post('application/json', { data: items }))
  t.equal(fresh.statusCode, 202)
  t.equal(fresh.headers.location, undefined, 'several events have no one location')
  t.equal(acceptedOf(fresh).length, 2)
  const { header, text } = await fixture.sent(fresh, 1)
  t.equal(header('ce-type'), 'dev.coeux.jobico.ev1')
  t.equal(header('ce-source'), '/namespaces/shop/jobs/orders')
  t.match(header('ce-time'), /^20\d\d-/)
  t.same(JSON.parse(text), items[1])

  const key = { 'idempotency-key': freshId() }
  const first = await listener.inject(post('application/json', { data: items }, key))
  t.same(
    acceptedOf(first).map(({ id }) => id),
    [`${key['idempotency-key']}/0`, `${key['idempotency-key']}/1`],
  )
  const again = await listener.inject(post('application/json', { data: [...items, PERSON] }, key))
  t.same(
    acceptedOf(again).map(({ duplicate }) => duplicate),
    [true, true, false],
    'a batch with some known events stores the others',
  )
})

t.test('carries the trace context of the hop', async (t) => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const answer = await fixture.app(t).inject(binary({ traceparent, tracestate: 'a=1' }))
  const { header } = await fixture.sent(answer)
  t.same([header('traceparent'), header('tracestate')], [traceparent, 'a=1'])
})

t.test('refusals', async (t) => {
  const listener = fixture.app(t)
  const before = await fixture.count()
  const long = 'x'.repeat(1024 * 1024)
  const cases: readonly [name: string, request: InjectOptions, status: number, code: string][] = [
    ['not JSON', post(STRUCTURED, '{'), 400, 'BODY_INVALID'],
    ['not a CloudEvent', post(STRUCTURED, {}), 400, 'EVENT_INVALID'],
    ['unknown specversion', binary({ 'ce-specversion': '0.3' }), 400, 'EVENT_INVALID'],
    ['bad time', binary({ 'ce-time': 'now' }), 400, 'EVENT_INVALID'],
    [
      'bad Idempotency-Key',
      post('application/json', { data: [PERSON] }, { 'idempotency-key': 'a b' }),
      400,
      'REQUEST_INVALID',
    ],
    ['no form', post('application/json', { data: [], x: 1 }), 400, 'BODY_INVALID'],
    ['no such event', { ...binary(), url: '/listener/ev2' }, 404, 'NOT_FOUND'],
    ['an event in another case', { ...binary(), url: '/listener/EV1' }, 404, 'NOT_FOUND'],
    ['no such path', { url: '/nothing?x=1' }, 404, 'NOT_FOUND'],
    ['a path that is none', { url: '/%zz' }, 404, 'NOT_FOUND'],
    ['no key', { url: '/events/abc' }, 404, 'NOT_FOUND'],
    ['a very long key', { url: `/events/${'a'.repeat(300)}` }, 404, 'NOT_FOUND'],
    ['unknown key', { url: `/events/${'a'.repeat(26)}` }, 404, 'NOT_FOUND'],
    ['GET /', { url: '/' }, 405, 'METHOD_NOT_ALLOWED'],
    ['PUT with a body', { ...binary(), method: 'PUT' }, 405, 'METHOD_NOT_ALLOWED'],
    [
      'DELETE of a state',
      { method: 'DELETE', url: `/listener/ev1/events/${'a'.repeat(26)}` },
      405,
      'METHOD_NOT_ALLOWED',
    ],
    ['POST to health', { method: 'POST', url: '/health/live' }, 405, 'METHOD_NOT_ALLOWED'],
    ['body beyond the limit', binary({}, JSON.stringify({ ...PERSON, long })), 413, 'TOO_LARGE'],
    [
      'an event just beyond the limit',
      binary({}, JSON.stringify({ ...PERSON, l: long.slice(0, 1024 * 1024 - 8192 - 100) })),
      413,
      'TOO_LARGE',
    ],
    ['headers over 48 KiB', binary({ 'ce-subject': 'x'.repeat(49_200) }), 413, 'TOO_LARGE'],
    [
      'over 1,000 events',
      post('application/json', { data: Array.from({ length: 1_001 }, () => PERSON) }),
      413,
      'TOO_LARGE',
    ],
    ['text', post('text/plain', 'x'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['binary with other data', binary({ 'content-type': 'text/plain' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a Content-Type that fastify itself refuses', post('nonsense', 'x'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['gzip', binary({ 'content-encoding': 'gzip' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['data that does not match', binary({}, '{"firstName":"a"}'), 422, 'DATA_INVALID'],
    ['no data', binary({}, ''), 422, 'DATA_INVALID'],
    [
      'one of a batch does not match',
      post(BATCH, [structuredEvent(), structuredEvent({ data: {} })]),
      422,
      'DATA_INVALID',
    ],
  ]
  for (const [name, request, status, code] of cases) {
    const answer = await listener.inject(request)
    t.equal(answer.statusCode, status, `${name}: ${answer.body}`)
    t.match(answer.headers['content-type'], /^application\/problem\+json/, name)
    const problem = problemOf(answer)
    t.equal(problem.code, code, name)
    t.equal(problem.status, status, name)
    t.ok(problem.title && problem.detail, name)
  }
  t.equal(await fixture.count(), before, 'nothing was stored')

  const wrong = await listener.inject({ ...binary(), url: '/listener/ev2' })
  t.match(problemOf(wrong).detail, 'ev1', 'names the event that is served')
  const allowed = await listener.inject({ method: 'PATCH', url: '/listener/ev1' })
  t.equal(allowed.headers.allow, 'POST, OPTIONS')
  const state = await listener.inject({ method: 'POST', url: `/events/${'a'.repeat(26)}` })
  t.equal(state.headers.allow, 'GET, HEAD')
})

t.test('lists what does not match, at most 100 faults', async (t) => {
  const listener = fixture.app(t)
  const one = await listener.inject(
    post('application/json', { data: [PERSON, { firstName: 'a', lastName: 5 }] }),
  )
  const [fault] = problemOf(one).errors ?? []
  t.equal(fault?.index, 1)
  t.equal(fault?.pointer, '/lastName')
  t.ok(fault?.detail)
  const many = await listener.inject(
    post('application/json', { data: Array.from({ length: 900 }, () => ({})) }),
  )
  t.equal(many.statusCode, 422)
  t.equal(problemOf(many).errors?.length, 100)
  const none = await listener.inject(binary({}, ''))
  t.same(problemOf(none).errors, [{ index: 0, pointer: '', detail: 'the event has no data' }])
})

t.test('webhook handshake', async (t) => {
  const listener = fixture.app(t, { authorize: () => false })
  for (const url of ['/', '/listener/ev1']) {
    const headers = { 'webhook-request-origin': 'eventemitter.example.com', 'webhook-request-rate': '120' }
    const answer = await listener.inject({ method: 'OPTIONS', url, headers })
    t.equal(answer.statusCode, 200)
    t.match(answer.headers, {
      allow: /POST/,
      'webhook-allowed-origin': '*',
      'webhook-allowed-rate': '*',
    })
    const plain = await listener.inject({ method: 'OPTIONS', url })
    t.equal(plain.statusCode, 204)
    t.match(plain.headers.allow, 'POST')
  }
})

t.test('auth', async (t) => {
  const listener = fixture.app(t, { authorize: (value) => value === 'Bearer right' })
  const state = { url: `/events/${'a'.repeat(26)}` }
  for (const request of [binary(), binary({ authorization: 'Bearer wrong' }), state, { url: '/nothing' }]) {
    const answer = await listener.inject(request)
    t.equal(answer.statusCode, 401)
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="jobico"')
    t.equal(problemOf(answer).code, 'UNAUTHORIZED')
  }
  t.equal((await listener.inject(binary({ authorization: 'Bearer right' }))).statusCode, 202)
  for (const url of ['/health/live', '/health/ready', '/health/started']) {
    t.equal((await listener.inject({ url })).statusCode, 200)
  }
})

t.test('metrics', async (t) => {
  const metrics = createMetrics('ev1')
  const listener = fixture.app(t, { metrics })
  const [request, wrong] = [binary(), binary({}, '{}')]
  for (const sent of [request, request, wrong]) await listener.inject(sent)
  const text = await metrics.registry.metrics()
  for (const line of [
    'jobico_listener_requests_total{code="202",event="ev1"} 2',
    'jobico_listener_requests_total{code="422",event="ev1"} 1',
    'jobico_listener_events_accepted_total{event="ev1"} 1',
    'jobico_listener_events_duplicate_total{event="ev1"} 1',
    'jobico_listener_requests_in_flight{event="ev1"} 0',
    'jobico_listener_request_seconds_count{event="ev1"} 3',
  ])
    t.match(text, line)
})

t.test('the disk of a NATS server is nearly full', async (t) => {
  let closed = true
  const report = () => ({ server: 'nats-1', usage: { of: 'bytes', used: 91, size: 100 }, closed }) as const
  const metrics = createMetrics('ev1', () => [report()])
  const listener = fixture.app(t, { metrics, lowStorage: () => (closed ? report() : undefined) })
  const request = binary()
  const answer = await listener.inject(request)
  t.equal(answer.statusCode, 503)
  t.match(problemOf(answer), { code: 'STORAGE_LOW', detail: /^NATS has used 91 % of its disk/ })
  t.notMatch(problemOf(answer).detail, 'nats-1', 'senders are told no names of servers')
  t.match(answer.headers['retry-after'], /^[1-5]$/)
  t.equal(await fixture.queued(keyOf(request)), undefined, 'nothing is stored')
  t.match(await metrics.registry.metrics(), 'jobico_storage_used_ratio{server="nats-1",event="ev1"} 0.91')
  t.equal((await listener.inject({ url: '/health/ready' })).statusCode, 200)
  const state = await listener.inject({ url: `/events/${keyOf(request)}` })
  t.equal(state.statusCode, 404, 'states are still told')

  closed = false
  t.equal((await listener.inject(request)).statusCode, 202)
})

t.test('no connection to NATS yet', async (t) => {
  const listener = fixture.app(t, { requests: () => undefined })
  for (const request of [binary(), { url: `/events/${'a'.repeat(26)}` }, { url: '/health/ready' }]) {
    const answer = await listener.inject(request)
    t.equal(answer.statusCode, 503)
    t.equal(problemOf(answer).code, 'QUEUE_UNAVAILABLE')
    t.match(answer.headers['retry-after'], /^[1-5]$/)
  }
  t.equal((await listener.inject({ url: '/health/live' })).statusCode, 200)
  t.equal((await listener.inject({ url: '/health/started' })).statusCode, 503)
  t.equal((await listener.inject({ url: '/events/abc' })).statusCode, 404)
})
