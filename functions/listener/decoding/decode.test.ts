import t from 'tap'

import { JobicoError } from '../../process/errors.ts'
import { bareDataDefaults } from './bare-data.ts'
import type { DecodedEvent } from './decoded-event.ts'
import { decodeRequest } from './decode.ts'
import { BATCH, JSON_TYPE, REF, STRUCTURED } from '../listener.fixture.ts'
import { collectHeaders } from './request-headers.ts'

type Fields = readonly (readonly [name: string, value: string])[]

const defaults = { ...bareDataDefaults(REF), newId: () => 'fresh', now: () => new Date(0) }

function decode(fields: Fields, body: string | Uint8Array): readonly DecodedEvent[] {
  return decodeRequest({ headers: collectHeaders(fields.flat()), body: Buffer.from(body) }, defaults)
}

/** The code of the fault, or none. */
function faultOf(fields: Fields, body: string | Uint8Array): string | undefined {
  try {
    decode(fields, body)
    return undefined
  } catch (thrown) {
    return thrown instanceof JobicoError ? thrown.code : String(thrown)
  }
}

const CE: Fields = [
  ['ce-specversion', '1.0'],
  ['ce-id', '1'],
  ['ce-source', '/s'],
  ['ce-type', 'a'],
]
const JSON_FIELD = ['Content-Type', JSON_TYPE] as const
const binary = (...more: Fields): Fields => [...CE, JSON_FIELD, ...more]
const type = (value: string): Fields => [['content-type', value]]
const event = (over: object) =>
  JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 'a', data: {}, ...over })

t.test('headers of binary mode', (t) => {
  const cases: readonly [name: string, sent: string, want: string | undefined][] = [
    ['as it is', 'hello', 'hello'],
    ['percent-encoded', 'Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['encoded without need', '%68ello', 'hello'],
    ['lower-case digits', '%e2%82%ac', '€'],
    ['a blank inside', 'a b', 'a b'],
    ['quoted', '"a b"', 'a b'],
    ['quoted with escapes', String.raw`"a \"b\" \\ %25"`, String.raw`a "b" \ %`],
    ['decoded once only', '%2525', '%25'],
    ['encoded quotation marks', '%22a%22', '"a"'],
    ['a stray quotation mark', 'a"b', undefined],
    ['an open quotation mark', '"a', undefined],
    ['text after the quoted one', '"a"b', undefined],
    ['a broken triplet', '100%', undefined],
    ['no hexadecimal digits', '%zz', undefined],
    ['overlong UTF-8', '%C0%A0', undefined],
    ['half a surrogate pair', '%ED%A0%80', undefined],
    ['bytes beyond ASCII', 'caf\u00e9', undefined],
    ['a control character', '%00', undefined],
    ['a noncharacter', '%EF%BF%BE', undefined],
    ['a noncharacter beyond the first plane', '%F0%AF%BF%BE', undefined],
    ['nothing', '', undefined],
  ]
  for (const [name, sent, want] of cases) {
    if (want === undefined) t.equal(faultOf(binary(['ce-subject', sent]), '{}'), 'EVENT_INVALID', name)
    else t.equal(decode(binary(['ce-subject', sent]), '{}')[0]?.event.attributes['subject'], want, name)
  }
  t.end()
})

t.test('binary mode', (t) => {
  const without = (name: string) => binary().filter(([header]) => header !== name)
  const cases: readonly [
    name: string,
    fields: Fields,
    body: string | Uint8Array,
    fault: string | undefined,
  ][] = [
    ['plain', binary(), '{}', undefined],
    ['names in any case', binary(['CE-MyExt', 'x']), '{}', undefined],
    ['no body', CE, '', undefined],
    ['no body, with a type', binary(), '', undefined],
    ['any JSON value', binary(), ' 5 ', undefined],
    ['null', binary(), 'null', undefined],
    ['+json', [...CE, ...type('application/vnd.x+json; v=1')], '{}', undefined],
    ['text/json', [...CE, ...type('text/json')], '{}', undefined],
    ['upper case', [...CE, ...type('APPLICATION/JSON;Charset="UTF-8"')], '{}', undefined],
    ['identity', binary(['content-encoding', 'identity']), '{}', undefined],
    ['no id', without('ce-id'), '{}', 'EVENT_INVALID'],
    ['no source', without('ce-source'), '{}', 'EVENT_INVALID'],
    ['no type', without('ce-type'), '{}', 'EVENT_INVALID'],
    ['no specversion', without('ce-specversion'), '{}', 'EVENT_INVALID'],
    ['twice the id', binary(['Ce-Id', '2']), '{}', 'EVENT_INVALID'],
    ['ce-datacontenttype', binary(['ce-datacontenttype', JSON_TYPE]), '{}', 'EVENT_INVALID'],
    ['ce-data', binary(['ce-data', 'x']), '{}', 'EVENT_INVALID'],
    ['a name with a dash', binary(['ce-my-ext', 'x']), '{}', 'EVENT_INVALID'],
    ['no name', binary(['ce-', 'x']), '{}', 'EVENT_INVALID'],
    ['a relative dataschema', binary(['ce-dataschema', '/relative']), '{}', 'EVENT_INVALID'],
    ['time that is none', binary(['ce-time', '2026-02-30T00:00:00Z']), '{}', 'EVENT_INVALID'],
    ['text', [...CE, ...type('text/plain')], 'x', 'MEDIA_TYPE_UNSUPPORTED'],
    ['a body without type', CE, '{}', 'MEDIA_TYPE_UNSUPPORTED'],
    ['not JSON', binary(), '{', 'BODY_INVALID'],
    ['not UTF-8', binary(), new Uint8Array([0x22, 0xff, 0x22]), 'BODY_INVALID'],
    ['a byte order mark', binary(), '\ufeff{}', 'BODY_INVALID'],
    ['a key twice', binary(), '{"a":{"b":1,"\\u0062":2}}', 'BODY_INVALID'],
    ['128 levels', binary(), '['.repeat(128) + ']'.repeat(128), undefined],
    ['129 levels', binary(), '['.repeat(129) + ']'.repeat(129), 'BODY_INVALID'],
    ['gzip', binary(['content-encoding', 'gzip']), '{}', 'MEDIA_TYPE_UNSUPPORTED'],
    [
      'encoded twice',
      binary(['content-encoding', 'identity'], ['content-encoding', 'br']),
      '{}',
      'MEDIA_TYPE_UNSUPPORTED',
    ],
  ]
  for (const [name, fields, body, fault] of cases) t.equal(faultOf(fields, body), fault, name)
  const [decoded] = decode(binary(['ce-MyExt', 'x']), ' {"a": 1} ')
  t.same(
    { ...decoded?.event.attributes },
    { specversion: '1.0', id: '1', source: '/s', type: 'a', myext: 'x', datacontenttype: JSON_TYPE },
  )
  t.equal(Buffer.from(decoded?.event.data ?? []).toString(), ' {"a": 1} ', 'the bytes as they came')
  t.same(decoded?.value, { a: 1 })
  t.equal(decode(CE, '')[0]?.event.data, undefined)
  t.end()
})

t.test('media types', (t) => {
  const bare = '{"data":[{}]}'
  const cases: readonly [value: string, isTaken: boolean][] = [
    ['application/json', true],
    ['Application/JSON', true],
    ['application/json;charset=utf-8', true],
    ['application/json ; charset="utf-8" ; x=y', true],
    ['application/json;', true],
    ['application/json;;a=b', true],
    [String.raw`application/json; a="q\"; charset=latin1"`, true],
    ['application/json; charset=latin1', false],
    ['application/json; charset=utf-8; charset=utf-8', false],
    ['application/json; charset', false],
    ['application/json; charset =utf-8', false],
    ['application/json; a="x', false],
    ['application/json, application/json', false],
    ['application/json x', false],
    ['application/json\u00e9', false],
    ['application', false],
    ['/json', false],
    ['', false],
    ['text/json', false],
    ['application/x+json', false],
    ['text/plain', false],
    ['application/x-www-form-urlencoded', false],
  ]
  for (const [value, isTaken] of cases) {
    t.equal(faultOf(type(value), bare), isTaken ? undefined : 'MEDIA_TYPE_UNSUPPORTED', value || 'empty')
  }
  const two: Fields = [...type(JSON_TYPE), ...type(JSON_TYPE)]
  t.equal(faultOf(two, bare), 'MEDIA_TYPE_UNSUPPORTED', 'the header twice')
  t.equal(faultOf([], ''), 'MEDIA_TYPE_UNSUPPORTED', 'nothing at all')
  for (const other of ['avro', 'xml', 'protobuf']) {
    t.equal(faultOf(type(`application/cloudevents+${other}`), event({})), 'MEDIA_TYPE_UNSUPPORTED')
    t.equal(faultOf(type(`application/cloudevents-batch+${other}`), '[]'), 'MEDIA_TYPE_UNSUPPORTED')
  }
  t.equal(faultOf(type('application/cloudevents'), event({})), 'MEDIA_TYPE_UNSUPPORTED')
  t.equal(faultOf(type(`${STRUCTURED}; charset=UTF-8`), event({})), undefined)
  t.equal(
    faultOf([...CE, ...type(STRUCTURED)], event({})),
    undefined,
    'structured mode goes before ce- headers',
  )
  t.end()
})

t.test('structured mode', (t) => {
  const cases: readonly [name: string, body: string, fault: string | undefined][] = [
    ['plain', event({}), undefined],
    ['no data', event({ data: undefined }), undefined],
    ['null is absent', event({ data: null, data_base64: null, subject: null }), undefined],
    ['a boolean', event({ flag: true }), undefined],
    ['an integer', event({ count: -2147483648 }), undefined],
    ['base64', event({ data: undefined, data_base64: 'e30=' }), undefined],
    ['JSON of another name', event({ datacontenttype: 'application/vnd.x+json' }), undefined],
    ['not JSON', '{', 'BODY_INVALID'],
    ['nothing', '', 'BODY_INVALID'],
    ['a key twice', '{"specversion":"1.0","specversion":"1.0"}', 'BODY_INVALID'],
    ['an array', '[]', 'EVENT_INVALID'],
    ['null', 'null', 'EVENT_INVALID'],
    ['a string', '"x"', 'EVENT_INVALID'],
    ['no id', event({ id: undefined }), 'EVENT_INVALID'],
    ['id is a number', event({ id: 1 }), 'EVENT_INVALID'],
    ['id is null', event({ id: null }), 'EVENT_INVALID'],
    ['id is empty', event({ id: '' }), 'EVENT_INVALID'],
    ['subject is a boolean', event({ subject: true }), 'EVENT_INVALID'],
    ['specversion is a number', event({ specversion: 1 }), 'EVENT_INVALID'],
    ['another specversion', event({ specversion: '1.0.2' }), 'EVENT_INVALID'],
    ['source with a blank', event({ source: '/a b' }), 'EVENT_INVALID'],
    ['a number beyond 32 bits', event({ count: 2147483648 }), 'EVENT_INVALID'],
    ['a fraction', event({ count: 1.5 }), 'EVENT_INVALID'],
    ['a number with an exponent', event({}).replace('"data"', '"count":1e0,"data"'), 'EVENT_INVALID'],
    ['an object', event({ ext: {} }), 'EVENT_INVALID'],
    ['an array as attribute', event({ ext: ['a'] }), 'EVENT_INVALID'],
    ['a name in upper case', event({ traceParent: 'x' }), 'EVENT_INVALID'],
    ['a name with an underscore', event({ my_ext: 'x' }), 'EVENT_INVALID'],
    ['__proto__', event({}).replace('"data"', '"__proto__":"x","data"'), 'EVENT_INVALID'],
    ['a lone surrogate', event({}).replace('"id":"1"', '"id":"\\ud800"'), 'EVENT_INVALID'],
    ['a control character', event({ id: 'a\nb' }), 'EVENT_INVALID'],
    ['data and data_base64', event({ data_base64: 'e30=' }), 'EVENT_INVALID'],
    ['base64 that is a number', event({ data: undefined, data_base64: 5 }), 'EVENT_INVALID'],
    ['base64 without padding', event({ data: undefined, data_base64: 'e30' }), 'EVENT_INVALID'],
    ['base64 with stray bits', event({ data: undefined, data_base64: 'e31=' }), 'EVENT_INVALID'],
    ['base64 for URLs', event({ data: undefined, data_base64: '-_-_' }), 'EVENT_INVALID'],
    ['base64 with a blank', event({ data: undefined, data_base64: 'e3 0=' }), 'EVENT_INVALID'],
    ['base64 that holds no JSON', event({ data: undefined, data_base64: 'eA==' }), 'BODY_INVALID'],
    ['data of another type', event({ datacontenttype: 'text/plain', data: 'x' }), 'MEDIA_TYPE_UNSUPPORTED'],
    [
      'base64 of another type',
      event({ datacontenttype: 'text/plain', data: undefined, data_base64: 'e30=' }),
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['a type that is none', event({ datacontenttype: 'json' }), 'EVENT_INVALID'],
  ]
  for (const [name, body, fault] of cases) t.equal(faultOf(type(STRUCTURED), body), fault, name)

  const raw = '{ "n" : 1.0, "é":"\\u00e9" }'
  const text = ` {"data":${raw}, "flag":false,"count":-7 ,"id":"1","source":"/s","type":"a","specversion":"1.0"}`
  const [decoded] = decode(type(STRUCTURED), text)
  t.equal(Buffer.from(decoded?.event.data ?? []).toString(), raw, 'the text that was sent')
  t.match(decoded?.event.attributes, { flag: 'false', count: '-7' })
  t.notOk('datacontenttype' in (decoded?.event.attributes ?? {}))
  for (const none of [{ data: undefined }, { data: null }, { data: undefined, data_base64: '' }]) {
    const [empty] = decode(type(STRUCTURED), event(none))
    t.equal(empty?.event.data, undefined)
    t.equal(empty?.value, undefined)
  }
  t.end()
})

t.test('batches', (t) => {
  const cases: readonly [name: string, body: string, fault: string | undefined][] = [
    ['one', `[${event({})}]`, undefined],
    ['1,000', `[${Array.from({ length: 1_000 }, () => event({})).join(', ')}]`, undefined],
    ['1,001', `[${Array.from({ length: 1_001 }, () => event({})).join(', ')}]`, 'TOO_LARGE'],
    ['none', '[ ]', 'BODY_INVALID'],
    ['no array', event({}), 'BODY_INVALID'],
    ['not JSON', '[', 'BODY_INVALID'],
    ['not only events', `[${event({})},1]`, 'EVENT_INVALID'],
    ['one of other data', `[${event({ datacontenttype: 'a/b' })}]`, 'MEDIA_TYPE_UNSUPPORTED'],
  ]
  for (const [name, body, fault] of cases) t.equal(faultOf(type(BATCH), body), fault, name)
  t.throws(() => decode(type(BATCH), `[${event({})},${event({ id: '' })}]`), { message: /^event 1: / })
  const texts = decode(type(BATCH), `[${event({ data: [1, '],['] })} , ${event({ data: 'b' })}]`).map(
    ({ event }) => Buffer.from(event.data ?? []).toString(),
  )
  t.same(texts, ['[1,"],["]', '"b"'])
  t.end()
})

t.test('bare data', (t) => {
  const cases: readonly [name: string, body: string, fault: string | undefined][] = [
    ['one', '{"data":[{}]}', undefined],
    ['values of all kinds', '{"data":[null,1,"a",[],false]}', undefined],
    ['an escaped name', '{"d\\u0061ta":[1]}', undefined],
    ['none', '{"data":[]}', 'BODY_INVALID'],
    ['1,001', `{"data":[${'1,'.repeat(1_000)}1]}`, 'TOO_LARGE'],
    ['no array', '{"data":{}}', 'BODY_INVALID'],
    ['another member', '{"data":[1],"x":1}', 'BODY_INVALID'],
    ['no data', '{}', 'BODY_INVALID'],
    ['an array', '[1]', 'BODY_INVALID'],
    ['null', 'null', 'BODY_INVALID'],
    ['nothing', '', 'BODY_INVALID'],
    ['a CloudEvent of the wrong type', event({}), 'BODY_INVALID'],
  ]
  for (const [name, body, fault] of cases) t.equal(faultOf(type(JSON_TYPE), body), fault, name)

  const [first, second] = decode(type(JSON_TYPE), '{"data": [ {"a": 1.0} , null ] }')
  t.same(
    { ...first?.event.attributes },
    {
      specversion: '1.0',
      id: 'fresh',
      source: '/namespaces/shop/jobs/orders',
      type: 'dev.coeux.jobico.ev1',
      time: '1970-01-01T00:00:00.000Z',
      datacontenttype: JSON_TYPE,
    },
  )
  t.equal(Buffer.from(first?.event.data ?? []).toString(), '{"a": 1.0}')
  t.equal(Buffer.from(second?.event.data ?? []).toString(), 'null')

  const withKey = (...keys: string[]): Fields => [
    ...type(JSON_TYPE),
    ...keys.map((key) => ['Idempotency-Key', key] as const),
  ]
  const body = '{"data":[1,2]}'
  t.same(
    decode(withKey('k"1'), body).map(({ event }) => event.attributes.id),
    ['k"1/0', 'k"1/1'],
  )
  for (const keys of [[''], ['a b'], ['x'.repeat(201)], ['é'], ['a', 'a']]) {
    t.equal(faultOf(withKey(...keys), body), 'REQUEST_INVALID', keys.join())
  }
  t.equal(faultOf(withKey('x'.repeat(200)), body), undefined)
  t.end()
})

t.test('trace context', (t) => {
  const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const tooMany = Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')
  const cases: readonly [name: string, fields: Fields, want: object][] = [
    ['none', [], {}],
    ['a parent', [['Traceparent', parent]], { traceparent: parent }],
    [
      'both',
      [
        ['traceparent', parent],
        ['tracestate', 'a=1,b@c=2'],
      ],
      { traceparent: parent, tracestate: 'a=1,b@c=2' },
    ],
    [
      'a state in two headers',
      [
        ['traceparent', parent],
        ['tracestate', 'a=1'],
        ['tracestate', 'b=2'],
      ],
      { traceparent: parent, tracestate: 'a=1,b=2' },
    ],
    ['a state alone', [['tracestate', 'a=1']], {}],
    [
      'a state that is none',
      [
        ['traceparent', parent],
        ['tracestate', 'A=1'],
      ],
      { traceparent: parent },
    ],
    [
      'a state too long',
      [
        ['traceparent', parent],
        ['tracestate', tooMany],
      ],
      { traceparent: parent },
    ],
    [
      'a later version',
      [['traceparent', `01${parent.slice(2)}-x`]],
      { traceparent: `01${parent.slice(2)}-x` },
    ],
    ['version ff', [['traceparent', `ff${parent.slice(2)}`]], {}],
    ['version 00 that goes on', [['traceparent', `${parent}-x`]], {}],
    ['upper case', [['traceparent', parent.toUpperCase()]], {}],
    ['no trace', [['traceparent', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]], {}],
    ['no span', [['traceparent', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`]], {}],
    [
      'twice',
      [
        ['traceparent', parent],
        ['traceparent', parent],
      ],
      {},
    ],
    ['nonsense', [['traceparent', 'x']], {}],
  ]
  for (const [name, fields, want] of cases) {
    t.same(decode(binary(...fields), '{}')[0]?.event.trace, want, name)
  }
  const [, second] = decode([...type(BATCH), ['traceparent', parent]], `[${event({})},${event({})}]`)
  t.same(second?.event.trace, { traceparent: parent }, 'every event of a batch has it')
  t.end()
})
