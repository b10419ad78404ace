import fc from 'fast-check'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'
import type { MsgHdrs } from '@nats-io/transport-node'
import t from 'tap'

import { checkAttributes, toStructuredJson, type CloudEvent } from '../../cloudevents/cloudevent.ts'
import { eventHeaders, eventOfMessage, headersSize } from '../../cloudevents/nats-binding.ts'
import { JobicoError } from '../../process/errors.ts'
import { percentEncode } from '../../cloudevents/percent-encoding.ts'
import { bareDataDefaults } from './bare-data.ts'
import { decodeRequest } from './decode.ts'
import { BATCH, JSON_TYPE, REF, STRUCTURED } from '../listener.fixture.ts'
import { collectHeaders } from './request-headers.ts'

const defaults = bareDataDefaults(REF)
const FORBIDDEN = /\p{Control}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u
const CORE = [
  'specversion',
  'id',
  'source',
  'type',
  'datacontenttype',
  'dataschema',
  'subject',
  'time',
  'data',
]

const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => !FORBIDDEN.test(value))
const name = fc.stringMatching(/^[a-z0-9]{1,20}$/).filter((value) => !CORE.includes(value))
const reference = fc.webPath({ size: 'small' }).map((path) => `/x${path}`)
const time = fc
  .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
  .map((date) => date.toISOString())
const json = fc.json({ depthSize: 'small' }).filter((value) => value.trim() !== 'null')

const anyEvent: fc.Arbitrary<CloudEvent> = fc
  .record(
    {
      id: text,
      source: reference,
      type: text,
      subject: text,
      time,
      extensions: fc.dictionary(name, text, { maxKeys: 5 }),
      data: json,
    },
    { requiredKeys: ['id', 'source', 'type', 'extensions', 'data'] },
  )
  .map(({ extensions, data, ...core }) => ({
    attributes: checkAttributes(
      Object.entries({ specversion: '1.0', ...core, ...extensions, datacontenttype: 'application/json' }),
    ),
    data: Buffer.from(data),
    trace: {},
  }))

function encoded(fields: MsgHdrs): Uint8Array {
  if (!(fields instanceof MsgHdrsImpl)) throw new TypeError('not the headers of the client')
  return fields.encode()
}

/** Through HTTP, into a message, over the wire of NATS, and out of it again. */
function throughAll(fields: readonly string[], body: Uint8Array): CloudEvent | undefined {
  const [decoded] = decodeRequest({ headers: collectHeaders(fields), body }, defaults)
  if (decoded?.event.data === undefined) return undefined
  const wire = encoded(eventHeaders(decoded.event))
  return eventOfMessage(MsgHdrsImpl.decode(wire), decoded.event.data)
}

function plain(event: CloudEvent | undefined) {
  return {
    attributes: { ...event?.attributes },
    data: Buffer.from(event?.data ?? []).toString(),
    trace: event?.trace,
  }
}

t.test('an event comes out of NATS as it went in by HTTP in binary mode', (t) => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const fields = Object.entries(event.attributes).flatMap(([attribute, value]) =>
        attribute === 'datacontenttype' ? ['content-type', value] : [`Ce-${attribute}`, percentEncode(value)],
      )
      t.same(plain(throughAll(fields, event.data ?? Buffer.of())), plain(event))
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('an event comes out of NATS as it went in by HTTP in structured mode', (t) => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const body = Buffer.from(toStructuredJson(event))
      const out = plain(throughAll(['content-type', STRUCTURED], body))
      t.same(out, { ...plain(event), data: plain(event).data.trim() })
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('the size of headers is what goes over the wire', (t) => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const fields = eventHeaders(event)
      return encoded(fields).length === headersSize(fields)
    }),
  )
  t.end()
})

/** What a request does to the decoder: how many events it gives, or the status of its refusal. */
function decodeAny(fields: readonly string[], body: Uint8Array): string {
  try {
    return `${decodeRequest({ headers: collectHeaders(fields), body }, defaults).length} events`
  } catch (thrown) {
    return thrown instanceof JobicoError ? String(thrown.status) : `not foreseen: ${String(thrown)}`
  }
}

t.test('no request makes the decoder fail in another way than by a refusal', (t) => {
  const contentType = fc.oneof(
    fc.constantFrom(STRUCTURED, BATCH, JSON_TYPE, 'text/plain', 'APPLICATION/JSON ; charset="utf-8"'),
    fc.string({ unit: 'binary' }),
  )
  const header = fc.tuple(
    fc.oneof(
      fc.constantFrom(
        'ce-id',
        'CE-Source',
        'ce-type',
        'ce-specversion',
        'ce-time',
        'ce-__proto__',
        'content-encoding',
      ),
      fc.constantFrom('idempotency-key', 'traceparent', 'tracestate', 'nats-msg-id', 'content-type'),
      fc.string(),
    ),
    fc.oneof(fc.constantFrom('1.0', '/s', '%zz', '%E2%82', '"', ''), fc.string({ unit: 'binary' })),
  )
  const members = fc.dictionary(
    fc.oneof(fc.constantFrom(...CORE, 'data_base64', '__proto__', 'constructor'), fc.string()),
    fc.jsonValue(),
  )
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .oneof(
        fc.json(),
        fc.string(),
        json.map((data) => `{"data":[${data}]}`),
        members.map((event) =>
          JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 'a', ...event }),
        ),
        fc.array(members).map((events) => JSON.stringify(events)),
      )
      .map((text) => Buffer.from(text)),
  )
  const isAnswer = /^(?:[1-9]\d* events|4\d\d)$/
  fc.assert(
    fc.property(contentType, fc.array(header), body, (value, headers, sent) => {
      const ce = headers.some(([name]) => name === 'ce-id')
        ? ['ce-specversion', '1.0', 'ce-source', '/s', 'ce-type', 'a']
        : []
      t.match(decodeAny(['content-type', value, ...ce, ...headers.flat()], sent), isAnswer)
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

t.test('data of any bytes, or none, comes out of a message as it went in', (t) => {
  const bytes = fc.option(fc.uint8Array({ minLength: 1 }), { nil: undefined })
  fc.assert(
    fc.property(anyEvent, bytes, (event, data) => {
      const wire = encoded(eventHeaders(event))
      const back = eventOfMessage(MsgHdrsImpl.decode(wire), data ?? new Uint8Array())
      t.same({ ...back.attributes }, { ...event.attributes })
      t.equal(back.data, data)
    }),
  )
  t.end()
})

t.test('a lone surrogate never gets into an attribute', (t) => {
  const broken = fc.tuple(
    text,
    fc.constantFrom('\ud800', '\udbff', '\udc00', '\udfff'),
    fc.constantFrom('', ' x'),
  )
  fc.assert(
    fc.property(broken, ([before, surrogate, after]) => {
      const subject = before + surrogate + after
      const event = { specversion: '1.0', id: '1', source: '/s', type: 'a', subject, data: 1 }
      t.equal(decodeAny(['content-type', STRUCTURED], Buffer.from(JSON.stringify(event))), '400')
    }),
  )
  t.end()
})
