import t from 'tap'

import { startCase } from '../case.fixture.ts'
import { binaryEvent, jsonOf, send, structuredEvent } from '../http.fixture.ts'
import { countVerdicts, openNats, resultOf, verdictCounts } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { acceptedKeys } from '../scale-from-zero.fixture.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const STRUCTURED = { 'content-type': 'application/cloudevents+json' }
const BATCH = { 'content-type': 'application/cloudevents-batch+json' }
const NUMBERED = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }

t.test('events in every form', async (t) => {
  const c = await startCase(t, 'forms')
  const nats = await openNats(t, c.namespace)
  const ref = { namespace: c.namespace, job: 'forms', event: 'ev1' }
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(NUMBERED), job('forms', [event('ev1')]))
  await c.ready('forms')
  await countVerdicts(t, nats, ref)
  const url = await c.url('forms', 'ev1')
  const batch = (...data: readonly unknown[]) => data.map((one) => structuredEvent(one).event)

  const good = [
    { name: 'binary', request: binaryEvent({ n: 1 }), numbers: [1] },
    {
      name: 'structured',
      request: { headers: STRUCTURED, body: JSON.stringify(structuredEvent({ n: 2 }).event) },
      numbers: [2],
    },
    {
      name: 'a batch',
      request: { headers: BATCH, body: JSON.stringify(batch({ n: 3 }, { n: 4 }, { n: 5 })) },
      numbers: [3, 4, 5],
    },
    {
      name: 'bare data',
      request: { headers: JSON_TYPE, body: JSON.stringify({ data: [{ n: 6 }, { n: 7 }] }) },
      numbers: [6, 7],
    },
  ]
  for (const { name, request, numbers } of good) {
    await t.test(name, async (t) => {
      const answer = await send(url, request)
      t.equal(answer.status, 202, answer.text)
      const verdicts = await nats.ended(ref, acceptedKeys(answer.text))
      t.same(
        verdicts.map(resultOf),
        numbers.map((n) => ({ version: 'v1', n })),
      )
    })
  }

  const bad = [
    { name: 'binary', request: binaryEvent({ n: 'one' }), index: 0, pointer: '/n' },
    {
      name: 'structured',
      request: { headers: STRUCTURED, body: JSON.stringify(structuredEvent({}).event) },
      index: 0,
      pointer: '/n',
    },
    {
      name: 'the second of a batch',
      request: { headers: BATCH, body: JSON.stringify(batch({ n: 1 }, { n: 1.5 }, { n: 1 })) },
      index: 1,
      pointer: '/n',
    },
    {
      name: 'the second of bare data',
      request: { headers: JSON_TYPE, body: JSON.stringify({ data: [{ n: 1 }, { n: null }] }) },
      index: 1,
      pointer: '/n',
    },
  ]
  for (const { name, request, index, pointer } of bad) {
    await t.test(`${name}, against the schema`, async (t) => {
      const answer = await send(url, request)
      t.equal(answer.status, 422, answer.text)
      t.match(answer.headers, { 'content-type': /^application\/problem\+json/ })
      t.match(jsonOf(answer), { code: 'DATA_INVALID', errors: [{ index }] })
      t.match(answer.text, pointer, 'it names the place')
    })
  }

  await t.test('what became of an event', async (t) => {
    const answer = await send(url, binaryEvent({ n: 8 }))
    const { location = '' } = answer.headers
    const [key = ''] = acceptedKeys(answer.text)
    await nats.ended(ref, [key])
    const state = await send(new URL(location, url).href, { method: 'GET' })
    t.match(state, { status: 200 })
    t.same(jsonOf(state), { state: 'done', key, event: 'ev1' }, 'a stranger sees no result')
    const waited = await send(url, binaryEvent({ n: 9 }, { prefer: 'wait=30' }))
    t.match(waited, { status: 200, text: /"n":9/ }, 'who waits for its own event gets its result')
  })

  t.same(await verdictCounts(nats, ref), { written: 9, held: 9 }, 'nothing that was refused was run')
})
