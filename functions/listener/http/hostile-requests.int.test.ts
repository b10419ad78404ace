import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { eventKey } from '../../queues/names.ts'
import { createFixture, freshId, PERSON, SCHEMA } from '../listener.fixture.ts'
import { startListener, talk } from '../process.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

// Bytes that are meant to trick a listener, sent to a real one: what it answers, and what is in the queue afterwards.

const schema = {
  ...SCHEMA,
  properties: {
    ...SCHEMA.properties,
    n: { type: 'number', maximum: 1e300 },
    strict: { additionalProperties: false },
  },
}
const folder = testFolder(t, { 'schema.json': JSON.stringify(schema), store: {} })
const server = await startNatsServer({ storeDir: join(folder, 'store') })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)
const listener = startListener(t, { NATS_URL: server.url, JOBICO_SCHEMA: join(folder, 'schema.json') })
const port = await listener.ready()

const BODY = JSON.stringify(PERSON)
const JSON_LINE = 'Content-Type: application/json'
const STRUCTURED_LINE = 'Content-Type: application/cloudevents+json'
const CHUNKED_LINE = 'Transfer-Encoding: chunked'
const lines = (count: number, line = 'x: y') => Array.from({ length: count }, () => line)
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n`

interface Sent {
  /** The lines of the headers beside those of the event, Host and Connection. */
  readonly lines?: readonly string[]
  readonly body?: string | Uint8Array
  readonly first?: string
  /** The line that says how long the body is; undefined is the right Content-Length. */
  readonly length?: string
  /** Whether the sender ends its side at once. */
  readonly half?: boolean
}

/** A request with one event, in binary mode unless its lines say otherwise; every character of a line is one byte. */
function bytesOf(
  id: string,
  { lines = [JSON_LINE], body = BODY, first = 'POST / HTTP/1.1', length }: Sent,
): Buffer {
  const event = ['ce-specversion: 1.0', 'ce-type: a', 'ce-source: /s', `ce-id: ${id}`]
  const size = length ?? `Content-Length: ${Buffer.byteLength(body)}`
  const head = [first, 'Host: x', 'Connection: close', ...event, ...lines, size, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)])
}

/** The whole message of an event in the queue; headers by name. */
async function storedOf(id: string) {
  const message = await fixture.queued(eventKey('/s', id))
  const headers = Object.fromEntries(
    [...(message?.headers ?? [])].map(([name, values]) => [name, values.join()]),
  )
  return { headers, text: Buffer.from(message?.data ?? []).toString() }
}

function messageOf(id: string, more: Readonly<Record<string, string>>) {
  return {
    'Nats-Msg-Id': `ev1.${eventKey('/s', id)}`,
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': '/s',
    'ce-type': 'a',
    'ce-datacontenttype': 'application/json',
    ...more,
  }
}

t.test('what is refused: one answer, and nothing is stored', async (t) => {
  const binary = (...lines: string[]): Sent => ({ lines: [JSON_LINE, ...lines] })
  const typed = (value: string): Sent => ({ lines: [`Content-Type: ${value}`] })
  const structured = (event: string): Sent => ({ lines: [STRUCTURED_LINE], body: event })
  const framed = (length: string, body: string): Sent => ({ length, body })
  const one = (members: string) => `{"specversion":"1.0","id":"1","source":"/s","type":"a",${members}}`
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const cases: readonly [name: string, sent: Sent, status: number, code: string][] = [
    ['two media types', typed('application/json, text/plain'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a type twice', binary(JSON_LINE), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a type with junk behind', typed('application/json junk'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['another charset', typed('application/json;charset=utf-7'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['two charsets', typed('application/json;charset=utf-8;charset=utf-7'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a parameter beyond ASCII', typed('application/json;a=\xe9'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a control character in the type', typed('application/json\x0b'), 400, 'REQUEST_INVALID'],
    ['text', typed('text/plain'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['no type', { lines: [] }, 415, 'MEDIA_TYPE_UNSUPPORTED'],

    ['an attribute twice', binary('CE-Id: 2'), 400, 'EVENT_INVALID'],
    ['an attribute twice, far apart', binary(...lines(190), 'ce-id: 2'), 400, 'EVENT_INVALID'],
    ['201 headers', binary(...lines(193)), 413, 'TOO_LARGE'],
    ['16,000 headers', binary(...lines(16_000, 'a:')), 413, 'TOO_LARGE'],
    ['bytes beyond ASCII', binary('ce-subject: \xe9'), 400, 'EVENT_INVALID'],
    ['UTF-8 as it is', binary('ce-subject: \xc3\xa9'), 400, 'EVENT_INVALID'],
    ['an encoded line break', binary('ce-subject: a%0d%0aNats-Msg-Id:%20x'), 400, 'EVENT_INVALID'],
    ['an encoded NUL', binary('ce-subject: a%00'), 400, 'EVENT_INVALID'],
    ['half an encoded character', binary('ce-subject: %c3'), 400, 'EVENT_INVALID'],
    ['a CR', binary('ce-subject: a\rb'), 400, 'REQUEST_INVALID'],
    ['a LF', binary('ce-subject: a\nNats-Msg-Id: x'), 400, 'REQUEST_INVALID'],
    ['a NUL', binary('ce-subject: a\0b'), 400, 'REQUEST_INVALID'],
    ['a folded line', binary('ce-subject: a\r\n b'), 400, 'REQUEST_INVALID'],
    ['a blank before the colon', binary('ce-subject : a'), 400, 'REQUEST_INVALID'],
    ['a name beyond ASCII', binary('ce-\xe9: a'), 400, 'REQUEST_INVALID'],
    ['an encoded name', binary('ce-%69d: a'), 400, 'EVENT_INVALID'],
    ['__proto__ as a name', binary('ce-__proto__: a'), 400, 'EVENT_INVALID'],
    ['data as a name', binary('ce-data: a'), 400, 'EVENT_INVALID'],
    ['datacontenttype as a name', binary('ce-datacontenttype: text/plain'), 400, 'EVENT_INVALID'],

    ['__proto__ in place of fields', { body: `{"__proto__":${BODY}}` }, 422, 'DATA_INVALID'],
    ['__proto__ of an event', structured(`{"__proto__":${one('"data":1')}}`), 400, 'EVENT_INVALID'],
    ['data by __proto__', structured(one(`"__proto__":{"data":${BODY}}`)), 400, 'EVENT_INVALID'],
    ['depth 100,000', { body: deep }, 400, 'BODY_INVALID'],
    ['depth 100,000 in an event', structured(one(`"data":${deep}`)), 400, 'BODY_INVALID'],
    [
      'a key of 1 MB that the schema refuses',
      { body: `{"strict":{"${'k'.repeat(1_000_000)}":1}}` },
      422,
      'DATA_INVALID',
    ],
    [
      'a key of 1 MB as an attribute',
      structured(one(`"${'k'.repeat(1_000_000)}":"x"`)),
      400,
      'EVENT_INVALID',
    ],
    [
      'a media type of 1 MB',
      structured(one(`"datacontenttype":"text/${'x'.repeat(1_000_000)}","data":1`)),
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    [
      '60,000 attributes',
      structured(one(Array.from({ length: 60_000 }, (_, at) => `"K${at}":"x"`).join())),
      400,
      'EVENT_INVALID',
    ],
    ['a key twice', { body: `{"firstName":"a",${BODY.slice(1)}` }, 400, 'BODY_INVALID'],
    ['a key twice, once escaped', { body: `{"first\\u004eame":"a",${BODY.slice(1)}` }, 400, 'BODY_INVALID'],
    ['a number beyond all', { body: `{"n":1e400,${BODY.slice(1)}` }, 422, 'DATA_INVALID'],
    [
      'a lone surrogate in an attribute',
      structured(one(`"subject":"\\ud800","data":${BODY}`)),
      400,
      'EVENT_INVALID',
    ],
    ['a lone surrogate as bytes', { body: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]) }, 400, 'BODY_INVALID'],
    ['data of the wrong kind', { body: '{}' }, 422, 'DATA_INVALID'],
    ['no data', { body: '' }, 422, 'DATA_INVALID'],

    [
      'a gzip bomb',
      { lines: [JSON_LINE, 'Content-Encoding: gzip'], body: gzipSync(Buffer.alloc(100_000_000)) },
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    [
      'gzip in other letters',
      { lines: [JSON_LINE, 'content-encoding: identity, GZIP'] },
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['gzip that nobody speaks of', { body: gzipSync(BODY) }, 400, 'BODY_INVALID'],
    [
      'gzip as a transfer coding',
      framed('Transfer-Encoding: gzip, chunked', `${chunked(BODY)}\r\n`),
      400,
      'REQUEST_INVALID',
    ],
    [
      'gzip as two codings',
      framed('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', `${chunked(BODY)}\r\n`),
      400,
      'REQUEST_INVALID',
    ],
    [
      'chunked before another',
      framed('Transfer-Encoding: chunked, identity', `${chunked(BODY)}\r\n`),
      400,
      'REQUEST_INVALID',
    ],
    [
      'chunked twice',
      framed(`${CHUNKED_LINE}\r\n${CHUNKED_LINE}`, `${chunked(BODY)}\r\n`),
      400,
      'REQUEST_INVALID',
    ],
    [
      'chunked and a length',
      framed(`${CHUNKED_LINE}\r\nContent-Length: 4`, `${chunked(BODY)}\r\n`),
      400,
      'REQUEST_INVALID',
    ],
    [
      'two lengths',
      framed(`Content-Length: 4\r\nContent-Length: ${BODY.length}`, BODY),
      400,
      'REQUEST_INVALID',
    ],
    [
      'a list of lengths',
      framed(`Content-Length: ${BODY.length}, ${BODY.length}`, BODY),
      400,
      'REQUEST_INVALID',
    ],
    ['a length with a sign', framed(`Content-Length: +${BODY.length}`, BODY), 400, 'REQUEST_INVALID'],
    ['a length in hexadecimal', framed('Content-Length: 0x2a', BODY), 400, 'REQUEST_INVALID'],
    ['chunks cut short', { length: CHUNKED_LINE, body: `ff\r\n${BODY}`, half: true }, 400, 'REQUEST_INVALID'],
    [
      'chunks without their end',
      { length: CHUNKED_LINE, body: chunked(BODY), half: true },
      400,
      'REQUEST_INVALID',
    ],
    ['a body cut short', { length: 'Content-Length: 5000', half: true }, 400, 'REQUEST_INVALID'],
    [
      'headers cut short',
      { body: '', length: 'ce-subject: a', first: 'POST / HTTP/1.1\r\nx', half: true },
      400,
      'REQUEST_INVALID',
    ],

    ['no such version', { first: 'POST / HTTP/3.1' }, 400, 'REQUEST_INVALID'],
    ['no such method', { first: 'post / HTTP/1.1' }, 400, 'REQUEST_INVALID'],
    ['TRACE', { first: 'TRACE / HTTP/1.1', body: '' }, 405, 'METHOD_NOT_ALLOWED'],
    ['CONNECT', { first: 'CONNECT x:443 HTTP/1.1', body: '' }, 405, 'METHOD_NOT_ALLOWED'],
    ['two hosts', binary('Host: y'), 400, 'REQUEST_INVALID'],
    ['another path', { first: 'POST /listener/ev1/ HTTP/1.1' }, 404, 'NOT_FOUND'],
    ['a path with dots', { first: 'POST /x/../listener/ev1 HTTP/1.1' }, 404, 'NOT_FOUND'],
    ['a path with an encoded NUL', { first: 'POST /%00 HTTP/1.1' }, 404, 'NOT_FOUND'],
    ['a path that can not be decoded', { first: 'POST /%zz HTTP/1.1' }, 404, 'NOT_FOUND'],
    ['a path of 70,000 characters', { first: `POST /${'a'.repeat(70_000)} HTTP/1.1` }, 413, 'TOO_LARGE'],
  ]
  const before = await fixture.count()
  for (const [name, sent, status, code] of cases) {
    const answers = await talk(port, bytesOf(freshId(), sent), sent.half)
    t.same(
      answers.map((answer) => [answer.status, answer.code]),
      [[status, code]],
      name,
    )
    t.ok((answers[0]?.text.length ?? 0) < 5_000, `${name}: a short answer`)
  }
  t.equal(await fixture.count(), before, 'nothing is stored')
})

t.test('what is taken: exactly this message is stored', async (t) => {
  const mediaType = 'APPLICATION/Json ;\tCharset="utf-8"; a=b'
  const ofNats = [
    'Nats-Msg-Id: evil',
    'Nats-Schedule: @at 2030-01-01T00:00:00Z',
    'Nats-TTL: 1',
    'Nats-Rollup: all',
    'Nats-Expected-Last-Sequence: 9',
    'Nats-Batch-Id: x',
  ]
  const ofJobico = ['Jobico-Attempt: 99', 'Jobico-Redrive: 1', 'Jobico-Code: REJECTED', 'Status: 503']
  const withData = (data: string): Sent => ({ body: data })
  const cases: readonly [name: string, sent: Sent, headers?: Readonly<Record<string, string>>][] = [
    ['plain', {}],
    ['200 headers', { lines: [JSON_LINE, ...lines(192)] }],
    [
      'an odd media type',
      { lines: [`Content-Type:  ${mediaType} \t`] },
      { 'ce-datacontenttype': 'APPLICATION/Json%20;%20Charset=%22utf-8%22;%20a=b' },
    ],
    ['headers of NATS and Jobico', { lines: [JSON_LINE, ...ofNats, ...ofJobico] }],
    [
      'an encoded attribute',
      { lines: [JSON_LINE, 'ce-subject: caf%c3%a9%20%25'] },
      { 'ce-subject': 'caf%C3%A9%20%25' },
    ],
    ['constructor as an attribute', { lines: [JSON_LINE, 'Ce-Constructor: x'] }, { 'ce-constructor': 'x' }],
    [
      'names like those of NATS',
      { lines: [JSON_LINE, 'ce-natsmsgid: x', 'ce-jobicoattempt: 7'] },
      { 'ce-natsmsgid': 'x', 'ce-jobicoattempt': '7' },
    ],
    ['__proto__ beside the fields', withData(`{"__proto__":{"n":"x"},${BODY.slice(1)}`)],
    ['constructor beside the fields', withData(`{"constructor":{"prototype":{"n":"x"}},${BODY.slice(1)}`)],
    ['a number past 2^53', withData(`{"n":12345678901234567890.000,${BODY.slice(1)}`)],
    ['a lone surrogate in the data', withData(`{"s":"\\ud800",${BODY.slice(1)}`)],
    ['a key of 900,000 bytes', withData(`{"${'k'.repeat(900_000)}":1,${BODY.slice(1)}`)],
    ['chunked', { length: CHUNKED_LINE, body: `${chunked(BODY)}\r\n` }],
    ['chunked in other letters', { length: 'transfer-encoding: CHUNKED', body: `${chunked(BODY)}\r\n` }],
    ['trailers', { length: CHUNKED_LINE, body: `${chunked(BODY)}ce-subject: t\r\nNats-Msg-Id: x\r\n\r\n` }],
    ['identity', { lines: [JSON_LINE, 'Content-Encoding: IDENTITY'] }],
    ['an absolute target', { first: 'POST http://elsewhere.example/ HTTP/1.1' }],
    ['an encoded path and a query', { first: 'POST /listener/%65v1?ce-id=2 HTTP/1.1' }],
    ['an upgrade', { lines: [JSON_LINE, 'Upgrade: websocket'] }],
    ['an expectation that nobody knows', { lines: [JSON_LINE, 'Expect: cake'] }],
    ['HTTP/1.0', { first: 'POST / HTTP/1.0' }],
  ]
  for (const [name, sent, headers = {}] of cases) {
    const id = freshId()
    const before = await fixture.count()
    const answers = await talk(port, bytesOf(id, sent))
    t.same(
      answers.map(({ status }) => status),
      [202],
      name,
    )
    t.equal(await fixture.count(), before + 1, `${name}: one message`)
    const stored = await storedOf(id)
    t.same(stored.headers, messageOf(id, headers), `${name}: its headers`)
    const isFramed = sent.length !== undefined
    t.equal(stored.text, isFramed ? BODY : (sent.body ?? BODY), `${name}: its data`)
  }
  t.same(Object.keys(Object.prototype), [], 'nothing leaked into all objects')
})

t.test('several answers on one connection', async (t) => {
  const open = (bytes: Buffer) => bytes.toString('latin1').replace('Connection: close\r\n', '')
  const good = () => bytesOf(freshId(), {})
  const cases: readonly [name: string, bytes: string, want: readonly number[]][] = [
    [
      'leave to go on',
      bytesOf(freshId(), { lines: [JSON_LINE, 'Expect: 100-continue'] }).toString('latin1'),
      [100, 202],
    ],
    ['a second that is no request', `${open(good())}GARBAGE\r\n\r\n`, [202, 400]],
    [
      'a second that is framed twice',
      open(good()) +
        bytesOf(freshId(), { length: `${CHUNKED_LINE}\r\nContent-Length: 1` }).toString('latin1'),
      [202, 400],
    ],
    [
      'a request within a body',
      open(bytesOf(freshId(), { body: open(good()) })) + good().toString('latin1'),
      [400, 202],
    ],
    [
      'a refused one, then a good one',
      open(bytesOf(freshId(), { body: '{}' })) + good().toString('latin1'),
      [422, 202],
    ],
    [
      'a second that asks for a tunnel',
      `${open(good())}CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n`,
      [202, 405],
    ],
    ['many', open(good()) + open(good()) + good().toString('latin1'), [202, 202, 202]],
  ]
  for (const [name, bytes, want] of cases) {
    const before = await fixture.count()
    const answers = await talk(port, Buffer.from(bytes, 'latin1'))
    t.same(
      answers.map(({ status }) => status),
      want,
      name,
    )
    t.equal(await fixture.count(), before + want.filter((status) => status === 202).length, `${name}: stored`)
  }
})
