import t from 'tap'

import { checkAttributes, isJsonMediaType, toStructuredJson } from './cloudevent.ts'

const least = { specversion: '1.0', id: '1', source: '/s', type: 'a' }
const check = (over: Readonly<Record<string, string>>) =>
  checkAttributes(Object.entries({ ...least, ...over }))

t.test('attributes', (t) => {
  const good: readonly (readonly [name: string, ...values: string[]])[] = [
    ['id', 'é😀 /\\"', 'x'.repeat(10_000)],
    ['source', '/a', 'urn:x:y', 'https://example.com/a?b=c#d', 'a%20b', '#x', '1-555-123-4567'],
    ['type', 'com.example.a', ' '],
    ['subject', 'a b', 'é'],
    ['dataschema', 'https://example.com/s.json', 'urn:x'],
    [
      'time',
      '2026-01-31T12:00:00Z',
      '2026-01-31t12:00:00.123456789z',
      '2024-02-29T23:59:60+05:30',
      '0001-01-01T00:00:00-00:00',
    ],
    ['datacontenttype', 'application/json', 'text/plain; charset=utf-8', 'a/b+c'],
    ['constructor', 'x'],
    ['a'.repeat(64), 'x'],
    ['1', 'x'],
  ]
  for (const [name, ...values] of good) {
    for (const value of values)
      t.equal(check({ [name]: value })[name], value, `${name} ${value.slice(0, 40)}`)
  }
  const bad: readonly (readonly [name: string, ...values: string[]])[] = [
    ['specversion', '0.3', '1', '1.0.0', ''],
    ['id', '', 'a\nb', '\u0085', '\ud800', '\uffff', '\ufdd0', '\u{10ffff}', '\u{2fffe}'],
    ['source', '', 'a b', '/é', '/%zz', '<x>'],
    ['type', '', '\u0000'],
    ['subject', ''],
    ['dataschema', '/s.json', 'x y:z', ''],
    [
      'time',
      '2026-01-31',
      '2026-01-31 12:00:00Z',
      '2026-02-29T12:00:00Z',
      '2026-13-01T12:00:00Z',
      '2026-00-01T12:00:00Z',
      '2026-01-00T12:00:00Z',
      '2026-01-31T24:00:00Z',
      '2026-01-31T12:60:00Z',
      '2026-01-31T12:00:61Z',
      '2026-01-31T12:00:00',
      '2026-01-31T12:00:00+24:00',
      '2026-01-31T12:00:00.Z',
    ],
    ['datacontenttype', 'json', 'a/', '/b', 'a/b c'],
    ['data', 'x'],
    ['Upper', 'x'],
    ['with-dash', 'x'],
    ['', 'x'],
    ['é', 'x'],
    ['__proto__', 'x'],
    ['a'.repeat(65), 'x'],
  ]
  for (const [name, ...values] of bad) {
    for (const value of values) {
      t.throws(
        () => checkAttributes(new Map([...Object.entries(least), [name, value]])),
        { code: 'EVENT_INVALID' },
        `${name} ${JSON.stringify(value)}`,
      )
    }
  }
  t.end()
})

t.test('names every fault at once', (t) => {
  t.throws(() => checkAttributes([]), {
    message: /specversion is missing; id is missing; source is missing; type is missing/,
  })
  t.throws(() => check({ id: '', time: 'now', Up: 'x' }), { message: /id is empty.*time must.*Up is no/ })
  t.throws(() => checkAttributes([...Object.entries(least), ['id', '2']]), { message: /id is there twice/ })
  t.end()
})

t.test('isJsonMediaType', (t) => {
  const cases: readonly [mediaType: string, want: boolean][] = [
    ['application/json', true],
    ['Application/JSON; charset=utf-8', true],
    ['text/json', true],
    ['application/vnd.x+json', true],
    ['image/svg+xml', false],
    ['application/jsonp', false],
    ['application/x-json', false],
    ['text/plain; a=/json', false],
    ['json', false],
    ['', false],
  ]
  for (const [mediaType, want] of cases) t.equal(isJsonMediaType(mediaType), want, mediaType)
  t.end()
})

t.test('toStructuredJson', (t) => {
  const event = (over: Readonly<Record<string, string>>, data?: string) =>
    toStructuredJson({
      attributes: check(over),
      data: data === undefined ? undefined : Buffer.from(data),
      trace: { traceparent: 'x' },
    })
  const head = '{"specversion":"1.0","id":"1","source":"/s","type":"a"'
  t.equal(event({}), `${head}}`)
  t.equal(event({}, '{ "n": 1.0 }'), `${head},"data":{ "n": 1.0 }}`)
  t.equal(event({ datacontenttype: 'a/b+json' }, '0'), `${head},"datacontenttype":"a/b+json","data":0}`)
  t.equal(
    event({ datacontenttype: 'text/plain' }, 'hé'),
    `${head},"datacontenttype":"text/plain","data_base64":"aMOp"}`,
  )
  t.end()
})
