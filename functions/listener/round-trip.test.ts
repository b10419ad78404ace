import fc from 'fast-check'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'
import type { MsgHdrs } from '@nats-io/transport-node'
import t from 'tap'

import { checkAttributes, toStructuredJson, type CloudEvent } from '../shared/cloudevent.ts'
import { eventHeaders, eventOfMessage, headersSize } from '../shared/cloudevent-nats.ts'
import { percentEncode } from '../shared/percent.ts'
import { bareDataDefaults } from './bare-data.ts'
import { decodeRequest } from './decode.ts'
import { REF, STRUCTURED } from './fixture.ts'
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

t.test('no body makes the decoder fail in another way than by a JobicoError', (t) => {
  const contentType = fc.constantFrom(STRUCTURED, 'application/cloudevents-batch+json', 'application/json')
  const body = fc.oneof(
    fc.json(),
    fc.string(),
    json.map((data) => `{"data":[${data}]}`),
  )
  fc.assert(
    fc.property(contentType, body, (value, sent) => {
      try {
        decodeRequest({ headers: collectHeaders(['content-type', value]), body: Buffer.from(sent) }, defaults)
        return true
      } catch (thrown) {
        return thrown instanceof Error && thrown.name === 'JobicoError'
      }
    }),
    { numRuns: 1_000 },
  )
  t.end()
})
