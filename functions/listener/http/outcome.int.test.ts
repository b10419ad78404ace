import type { FastifyInstance, InjectOptions } from 'fastify'
import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { eventSubjects } from '../../queues/names.ts'
import type { History } from '../../outcomes/history.ts'
import type { Verdict } from '../../outcomes/verdict.ts'
import {
  acceptedOf,
  BATCH,
  binary,
  createFixture,
  DEAD,
  done,
  freshId,
  keyOf,
  PERSON,
  post,
  problemOf,
  REF,
  structuredEvent,
} from '../listener.fixture.ts'
import { waitSeconds } from './prefer.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)

t.test('states', async (t) => {
  const open = fixture.app(t, { exposeResults: true })
  const closed = fixture.app(t)
  const get = async (listener: FastifyInstance, key: string, prefix = '') => {
    const answer = await listener.inject({ url: `${prefix}/events/${key}` })
    t.equal(answer.statusCode, 200, answer.body)
    t.match(answer.headers['content-type'], /^application\/json/)
    return answer.json<Record<string, unknown>>()
  }
  const send = async () => acceptedOf(await open.inject(binary()))[0]?.key ?? ''

  const key = await send()
  t.same(await get(open, key), { state: 'pending', key, event: 'ev1', attempts: 0 })
  t.same(await get(closed, key), { state: 'pending', key, event: 'ev1' })
  await fixture.settle(key, done(key, '{"n":12345678901234567890}'))
  t.match(await get(open, key, '/listener/ev1'), {
    state: 'done',
    key,
    result: { id: key, type: 'a.result', data: {} },
  })
  t.match((await open.inject({ url: `/events/${key}` })).body, '"data":{"n":12345678901234567890}}')
  t.same(await get(closed, key), { state: 'done', key, event: 'ev1' })
  t.equal((await open.inject({ method: 'HEAD', url: `/events/${key}` })).statusCode, 200)

  const dead = await send()
  await fixture.settle(dead, DEAD)
  t.same(await get(open, dead), {
    state: 'dead',
    key: dead,
    event: 'ev1',
    error: { code: 'REJECTED', reason: 'no such item', attempts: 2 },
  })
  t.same(await get(closed, dead), { state: 'dead', key: dead, event: 'ev1', error: { code: 'REJECTED' } })
  await fixture.requests.send({ subject: eventSubjects(REF).record(dead, 'due'), payload: '{}' })
  t.match(await get(open, dead), { state: 'pending' }, 'a redrive is under way')
})

t.test('Prefer: wait', async (t) => {
  const open = fixture.app(t, { exposeResults: true })
  const closed = fixture.app(t)
  const waiting = (prefer: string, over: Record<string, string> = {}) => binary({ prefer, ...over })

  /** Sends, settles as soon as the event is in the queue, and gives the answer. */
  async function sendAndSettle(listener: FastifyInstance, verdict: (key: string) => Verdict) {
    const request = waiting('respond-async, wait=20')
    const key = keyOf(request)
    const answer = listener.inject(request)
    await fixture.untilQueued(key)
    await fixture.settle(key, verdict(key))
    return { key, answer: await answer, request }
  }

  for (const [name, listener] of Object.entries({ open, closed })) {
    const { key, answer } = await sendAndSettle(listener, (k) => done(k, '{"ok":true}'))
    t.equal(answer.statusCode, 200, `${name} ${answer.body}`)
    t.match(answer.headers['content-type'], /^application\/cloudevents\+json/)
    t.equal(answer.headers['preference-applied'], 'wait=20')
    t.equal(answer.headers.location, `/events/${key}`)
    t.match(answer.json(), { specversion: '1.0', id: key, data: { ok: true } })
  }
  const empty = await sendAndSettle(open, (k) => done(k))
  t.equal(empty.answer.statusCode, 204)
  t.equal(empty.answer.body, '')

  const failed = await sendAndSettle(closed, () => DEAD)
  t.equal(failed.answer.statusCode, 502)
  t.match(problemOf(failed.answer), {
    code: 'EVENT_DEAD',
    key: failed.key,
    detail: 'no such item',
    error: { code: 'REJECTED', reason: 'no such item', attempts: 2 },
  })
  t.equal(failed.answer.headers['preference-applied'], 'wait=20')

  const late = await open.inject(waiting('wait=1'))
  t.equal(late.statusCode, 202)
  t.equal(late.headers['preference-applied'], 'wait=1')
  const zero = await open.inject(waiting('wait=0'))
  t.equal(zero.statusCode, 202)
  t.equal(zero.headers['preference-applied'], 'wait=0')

  const again = await open.inject(empty.request)
  t.equal(again.statusCode, 204, 'a duplicate gets the result where results are for all to see')
  const stranger = await closed.inject(empty.request)
  t.equal(stranger.statusCode, 202, 'and nothing where they are not')
  t.equal(stranger.headers['preference-applied'], undefined)
  const buried = await open.inject(failed.request)
  t.equal(buried.statusCode, 502)
  for (const answer of [
    again,
    stranger,
    buried,
    await open.inject({ ...empty.request, url: '/listener/ev1' }),
  ])
    t.equal(answer.headers['jobico-duplicate'], 'true', `${answer.statusCode} says that it is a duplicate`)
  for (const answer of [empty.answer, failed.answer, late])
    t.equal(answer.headers['jobico-duplicate'], undefined, `${answer.statusCode} of a new event`)

  for (const prefer of ['wait=61', 'wait=x', 'wait', 'return=minimal', 'wait=5 5']) {
    const answer = await open.inject(waiting(prefer))
    t.equal(answer.statusCode, 202, prefer)
    t.equal(answer.headers['preference-applied'], undefined, prefer)
  }
  const several = await open.inject(
    post(BATCH, [structuredEvent(), structuredEvent()], { prefer: 'wait=20' }),
  )
  t.equal(several.headers['preference-applied'], undefined, 'only for one event')

  const stopping = new AbortController()
  const ending = fixture.app(t, { exposeResults: true, stopping: stopping.signal })
  const request = waiting('wait=60')
  const held = ending.inject(request)
  await fixture.untilQueued(keyOf(request))
  stopping.abort()
  t.equal((await held).statusCode, 202, 'stopping ends the wait')
})

t.test('the state of a result that stands is known to its sender only', async (t) => {
  const closed = fixture.app(t)
  const request = binary({ prefer: 'wait=20' })
  const key = keyOf(request)
  // As after the duplicate window: JetStream takes the identity as new, but its verdict is still there.
  await fixture.settle(key, done(key, '{"secret":1}'))
  const answer = await closed.inject(request)
  t.equal(answer.statusCode, 202)
  t.notMatch(answer.body, 'secret')
  t.match(acceptedOf(answer), [{ key, duplicate: true }])
  const shown = await fixture.app(t, { exposeResults: true }).inject(request)
  t.equal(shown.headers['jobico-duplicate'], 'true', 'and where it is shown, it is said to be an old one')
  t.match(shown.json(), { data: { secret: 1 } })
})

t.test('a duplicate is told in a header, and in a request of several events by each of them', async (t) => {
  const listener = fixture.app(t)
  const ids = [structuredEvent(), structuredEvent(), structuredEvent()]
  const [first, second, third] = ids
  const bare = post('application/json', { data: [PERSON] }, { 'idempotency-key': freshId() })
  const requests: readonly (readonly [name: string, request: InjectOptions])[] = [
    ['binary mode', binary()],
    ['structured mode', post('application/cloudevents+json', first)],
    ['a batch of one', post(BATCH, [second])],
    ['bare data', bare],
  ]
  for (const [name, request] of requests) {
    const answers = [await listener.inject(request), await listener.inject(request)]
    t.same(
      answers.map((answer) => [
        answer.statusCode,
        answer.headers['jobico-duplicate'],
        acceptedOf(answer)[0]?.duplicate,
      ]),
      [
        [202, undefined, false],
        [202, 'true', true],
      ],
      name,
    )
  }
  const several = await listener.inject(post(BATCH, [first, third, third]))
  t.equal(several.headers['jobico-duplicate'], undefined)
  t.same(
    acceptedOf(several).map(({ duplicate }) => duplicate),
    [true, false, true],
  )
})

t.test('a pending event tells its attempts, its last error and when it is due', async (t) => {
  const open = fixture.app(t, { exposeResults: true })
  const closed = fixture.app(t)
  const errors = [
    { attempt: 1, code: 'TIMEOUT', reason: 'too slow' },
    { attempt: 2, code: 'RETRY_REQUESTED', reason: 'the bank is closed' },
  ] as const
  const dueAt = new Date(Date.now() + 3_600_000).toISOString()
  const history = { attempts: 2, errors, suspect: false, redrive: undefined, hops: 0, root: undefined }
  const error = { code: 'RETRY_REQUESTED', reason: 'the bank is closed', attempts: 2 }
  const diedNow = { attempt: 3, code: 'PROCESS_DIED', reason: 'died' } as const
  const cases: readonly {
    readonly name: string
    readonly history: History
    readonly dueAt?: string
    readonly want: object
  }[] = [
    { name: 'waits for its next attempt', history, dueAt, want: { attempts: 2, dueAt, error } },
    { name: 'is due', history, want: { attempts: 2, error } },
    {
      name: 'runs, after its process may have died before',
      history: { ...history, attempts: 3, errors: [...errors, diedNow], suspect: true },
      dueAt,
      want: { attempts: 3, error },
    },
    {
      name: 'is due, and its process has died',
      history: { ...history, attempts: 3, errors: [...errors, diedNow], suspect: true },
      want: { attempts: 3, error: { code: 'PROCESS_DIED', reason: 'died', attempts: 3 } },
    },
    {
      name: 'was redriven',
      history: { ...history, attempts: 0, errors: [], redrive: 7 },
      want: { attempts: 0, redriven: true },
    },
  ]
  for (const { name, history: past, dueAt: at, want } of cases) {
    const key = await fixture.retry(freshId(), past, at)
    const state = await open.inject({ url: `/events/${key}` })
    t.same(state.json(), { state: 'pending', key, event: 'ev1', ...want }, name)
    const stranger = (await closed.inject({ url: `/events/${key}` })).json<{ error?: object }>()
    const { code } = (want as { error?: { code: string } }).error ?? {}
    t.same(
      stranger,
      { state: 'pending', key, event: 'ev1', ...(code === undefined ? {} : { error: { code } }) },
      `${name}, for strangers`,
    )
  }
})

t.test('too many wait', async (t) => {
  const listener = fixture.app(t, { maxInFlight: 1, exposeResults: true })
  const slow = binary({ prefer: 'wait=30' })
  const key = keyOf(slow)
  const held = listener.inject(slow)
  await fixture.untilQueued(key)
  const answer = await listener.inject(binary({ prefer: 'wait=30' }))
  t.equal(answer.statusCode, 202, 'it is accepted, and told at once')
  t.equal(answer.headers['preference-applied'], undefined)
  t.equal((await listener.inject(binary())).statusCode, 202, 'an event that does not wait is taken')
  t.equal((await listener.inject({ url: `/events/${key}` })).statusCode, 200)
  await fixture.settle(key, done(key))
  t.equal((await held).statusCode, 204)
})

t.test('reads the preference to wait', (t) => {
  const cases: readonly [values: readonly string[], seconds: number | undefined][] = [
    [[], undefined],
    [['wait=0'], 0],
    [['wait=60'], 60],
    [['Wait = 5'], 5],
    [['wait="5"'], undefined],
    [['respond-async, wait=5'], 5],
    [['respond-async;x="a,b" , wait=5;y'], 5],
    [['return=minimal', 'wait=5'], 5],
    [['wait=5, wait=6'], 5],
    [['wait=x, wait=6'], undefined],
    [['a;wait=5'], undefined],
    [['a="wait=5"'], undefined],
    [[',,wait=5,'], 5],
    [['wait=61'], undefined],
    [['wait=-1'], undefined],
    [['wait=1.5'], undefined],
    [['wait=5 6'], undefined],
    [['wait='], undefined],
    [['wait'], undefined],
    [['wait=5, "'], undefined],
    [[''], undefined],
    [[`a${';  '.repeat(20_000)}@`], undefined],
    [[`a${' '.repeat(60_000)}@`], undefined],
  ]
  for (const [values, seconds] of cases)
    t.equal(waitSeconds(values), seconds, values.join(' | ').slice(0, 40))
  t.end()
})
