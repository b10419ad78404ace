import t from 'tap'

import { bareDataDefaults } from './bare-data.ts'
import { decodeRequest } from './decode.ts'
import { JSON_TYPE, REF, STRUCTURED } from '../listener.fixture.ts'
import { collectHeaders } from './request-headers.ts'

// The features of the CloudEvents conformance tests for HTTP: one event in binary and in structured mode is read alike.

const ATTRIBUTES = {
  specversion: '1.0',
  type: 'com.example.order.placed',
  source: 'https://example.com/shop?region=eu#orders',
  id: 'A234-1234-1234',
  time: '2026-01-31T12:34:56.789+02:00',
  subject: 'größe 100 %',
  dataschema: 'https://example.com/schemas/order.json',
  datacontenttype: `${JSON_TYPE}; charset=utf-8`,
  comexampleregion: 'eu',
}
const DATA = '{"total": 12.50}'

function read(fields: readonly string[], body: string) {
  const events = decodeRequest(
    { headers: collectHeaders(fields), body: Buffer.from(body) },
    bareDataDefaults(REF),
  )
  return events.map(({ event }) => ({
    attributes: { ...event.attributes },
    data: event.data && Buffer.from(event.data).toString(),
  }))
}

const want = [{ attributes: ATTRIBUTES, data: DATA }]
const fields = Object.entries(ATTRIBUTES).flatMap(([name, value]) =>
  name === 'datacontenttype' ? ['Content-Type', value] : [`ce-${name}`, encodeURI(value)],
)
const structured = (over: object, data = `"data":${DATA}`) =>
  `${JSON.stringify({ ...ATTRIBUTES, ...over }).slice(0, -1)},${data}}`

t.test('binary mode', (t) => {
  t.same(read(fields, DATA), want)
  const shouted = fields.map((field, at) => (at % 2 === 0 ? field.toUpperCase() : field))
  t.same(read(shouted, DATA), want, 'names of headers in any case')
  const least = ['ce-specversion', '1.0', 'ce-type', 'a', 'ce-source', '/s', 'ce-id', '1']
  t.same(read(least, ''), [
    { attributes: { specversion: '1.0', type: 'a', source: '/s', id: '1' }, data: undefined },
  ])
  for (const name of ['specversion', 'type', 'source', 'id']) {
    const at = least.indexOf(`ce-${name}`)
    t.throws(() => read(least.toSpliced(at, 2), ''), {
      code: 'EVENT_INVALID',
      message: RegExp(`${name} is missing`),
    })
  }
  t.end()
})

t.test('structured mode', (t) => {
  t.same(read(['Content-Type', STRUCTURED], structured({})), want)
  t.same(read(['Content-Type', `${STRUCTURED}; charset=UTF-8`], structured({})), want)
  const base64 = `"data_base64":"${Buffer.from(DATA).toString('base64')}"`
  t.same(read(['Content-Type', STRUCTURED], structured({}, base64)), want)
  const [typed] = read(['Content-Type', STRUCTURED], structured({ count: 3, flag: true }))
  t.match(typed?.attributes, { count: '3', flag: 'true' }, 'attributes in their canonical text')
  for (const name of ['specversion', 'type', 'source', 'id']) {
    const message = RegExp(`${name} is missing`)
    t.throws(() => read(['Content-Type', STRUCTURED], structured({ [name]: undefined })), {
      code: 'EVENT_INVALID',
      message,
    })
  }
  t.end()
})

t.test('batched mode', (t) => {
  const body = `[${structured({})}, ${structured({ id: '2' })}]`
  const [first, second] = read(['Content-Type', 'application/cloudevents-batch+json'], body)
  t.same([first], want)
  t.equal(second?.attributes.id, '2')
  t.end()
})
