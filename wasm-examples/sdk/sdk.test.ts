import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { compileAssemblyScript, sdkDir } from '../../scripts/assemblyscript.ts'
import { dataOf, loadGuest } from '../load-guest.ts'

const out = join(t.testdir(), 'probe.wasm')
await compileAssemblyScript({ entry: join(sdkDir(), 'test/assembly/probe.ts'), out })
const variables = [
  ['NAME', 'the välue 😀'],
  ['AT_START', 'early'],
] as const
const { execute, logged } = loadGuest(out, variables, ['json', 'text'])

/** What the probe makes of a text. */
const probe = (verb: string, text = '') => execute(`${verb}\n${text}`)
const ok = (data: string) => ({ kind: 'ok', data })

const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
// Written back as JavaScript would.
const texts = [
  ...['null', 'true', 'false', '0', '-1', '42', '0.1', '-0.5', '1e+21', '1e-7', '9007199254740992', '5e-324'],
  ...[
    '""',
    '"a"',
    '"Grüße"',
    '"😀"',
    '"a😀b👩‍👩‍👧"',
    '"\\ud83d\\ude00"',
    '"\\u0041\\u00e9"',
    '"\\ud800"',
    '"\\udc00\\ud800x"',
  ],
  ...[
    '"\\u0000"',
    '"\\u001f\\u007f"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"a\\nb\\nc"',
    '"\\u2028"',
    '"\\\\u0041"',
  ],
  ...['[]', '[ ]', '{}', '{ }', '[1,"2",null,true,{}]', '[[],[[]]]', ' [ 1 , 2 ] ', '\t{\n"a"\r: 1 }\n'],
  ...[
    '{"a":{"b":[{"c":null}]}}',
    '{"":0}',
    '{"é":1,"\\n":2}',
    '{"__proto__":1}',
    '{"a":1,"a":2}',
    '[{"a":1},{"a":2}]',
  ],
  ...[
    deep(128),
    `"${'x'.repeat(10_000)}"`,
    JSON.stringify(Array.from({ length: 1000 }, (_, index) => ({ index }))),
  ],
]
t.test('JSON comes back as JavaScript writes it', (t) => {
  for (const text of texts) {
    t.strictSame(probe('parse', text), ok(JSON.stringify(JSON.parse(text))), text.slice(0, 60))
  }
  t.end()
})

t.test('numbers keep their digits', (t) => {
  for (const text of [
    '-0',
    '1.0',
    '1E5',
    '0e+1',
    '1e400',
    '12345678901234567890',
    '3.14159265358979323846',
  ]) {
    t.strictSame(probe('parse', text), ok(text))
  }
  t.end()
})

t.test('what is no JSON is refused, with the place', (t) => {
  const malformed = [
    ...[
      '',
      ' ',
      'nul',
      'True',
      'undefined',
      'NaN',
      '-',
      '+1',
      '01',
      '.5',
      '1.',
      '1e',
      '1e+',
      '0x10',
      '--1',
      '1 2',
    ],
    ...['"', '"a', '"\\x"', '"\\u12"', '"\\u00g0"', '"\n"', '"\u0000"', "'a'", '"\\'],
    ...[
      '[',
      '[1',
      '[1,',
      '[1,]',
      '[,1]',
      '[1 2]',
      '{',
      '{"a"',
      '{"a":',
      '{"a":1,}',
      '{a:1}',
      '{"a" 1}',
      '{1:2}',
      ']',
      '}',
    ],
    ...['\ufeff1', '\u00a01', '[1}', '/**/1', deep(257)],
  ]
  for (const text of malformed) {
    t.match(
      probe('parse', text),
      { kind: 'reject', reason: /^Not valid JSON: .* at \d+$/ },
      JSON.stringify(text.slice(0, 40)),
    )
    t.strictSame(probe('try', text), ok('false'))
  }
  t.strictSame(probe('parse', '[1,}'), {
    kind: 'reject',
    code: 'REJECTED',
    reason: 'Not valid JSON: not a value at 3',
  })
  t.strictSame(probe('try', '[1]'), ok('true'))
  t.end()
})

t.test('any JSON comes back as JavaScript writes it', (t) => {
  const everything = fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' })
  fc.assert(
    fc.property(everything, (value) => {
      const outcome = probe('parse', JSON.stringify(value))
      return outcome.kind === 'ok' && outcome.data === JSON.stringify(value)
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('computed numbers are written as JavaScript reads them back', (t) => {
  const exact = [
    0,
    -1,
    0.5,
    0.1,
    1e21,
    1e20,
    1e-7,
    123456789.125,
    2 ** 53,
    -(2 ** 53),
    2 ** 53 - 1,
    5e-324,
    1.7976931348623157e308,
  ]
  for (const value of exact) t.strictSame(probe('number', String(value)), ok(JSON.stringify(value)))
  t.strictSame(probe('number', '-0'), ok('0'))
  fc.assert(
    fc.property(fc.double({ min: -1e15, max: 1e15, noNaN: true }), (value) => {
      const outcome = probe('number', String(value))
      return outcome.kind === 'ok' && Number(outcome.data) === value
    }),
  )
  t.end()
})

t.test('integers', (t) => {
  const integers = [
    ...[
      ['0', '0'],
      ['-7', '-7'],
      ['9007199254740992', '9007199254740992'],
      ['999999999999999999', '999999999999999999'],
      ['9223372036854775807', '9223372036854775807'],
      ['-9223372036854775808', '-9223372036854775808'],
    ],
    ...[
      ['1e3', '1000'],
      ['2.0', '2'],
      ['-0', '0'],
      ['1.2e1', '12'],
      ['9.223372036854775807E+18', '9223372036854775807'],
      ['1200e-2', '12'],
      ['0e999999999', '0'],
      ['0.00', '0'],
      [`0.${'0'.repeat(500)}1e501`, '1'],
    ],
  ]
  for (const [text = '', want = ''] of integers) t.strictSame(probe('integer', text), ok(want), text)
  for (const text of [
    '0.5',
    '1e300',
    '9223372036854775808',
    '-9223372036854775809',
    '1e-1',
    '12.01',
    'null',
    '"1"',
    `1${'0'.repeat(500)}e-501`,
  ]) {
    t.match(
      probe('integer', text),
      { kind: 'reject', reason: /^the value should be an integer, but is / },
      text,
    )
  }
  t.end()
})

t.test('reading members', (t) => {
  const value = { s: 'x', i: 3, n: 0.25, b: true, a: ['first'], o: { k: null, l: 1 } }
  t.strictSame(probe('read', JSON.stringify(value)), ok('["x",3,0.25,true,1,["k","l"],"first",true,false,6]'))
  const wrong = [
    { change: { s: 1 }, reason: 's should be a string, but is 1' },
    { change: { i: 'x' }, reason: 'i should be an integer, but is a string' },
    { change: { n: null }, reason: 'n should be a number, but is missing' },
    { change: { b: [] }, reason: 'b should be true or false, but is an array' },
    { change: { a: true }, reason: 'a should be an array, but is true or false' },
    { change: { o: 0.5 }, reason: 'o should be an object, but is 0.5' },
  ]
  for (const { change, reason } of wrong) {
    t.match(probe('read', JSON.stringify({ ...value, ...change })), { kind: 'reject', reason })
  }
  t.end()
})

t.test('building values', (t) => {
  const want = [
    ...['"bool":false', '"i8":-8', '"i64":-9223372036854775808', '"u64":18446744073709551615', '"f32":0.5'],
    ...['"whole":1000000000000000', '"nan":null', '"infinity":null', '"nothing":null', '"something":"x"'],
    ...['"ids":[1,2]', '"nested":[["a"],[]]', '"value":true', '"twice":2'],
  ]
  const outcome = probe('build')
  const data = outcome.kind === 'ok' ? (outcome.data ?? '') : ''
  for (const member of want) t.ok(data.includes(member), member)
  t.match(JSON.parse(data), { f64: 0.1 + 0.2 })
  t.match(probe('cycle'), { kind: 'reject', reason: 'The JSON value is nested deeper than 256' })
  t.end()
})

t.test('events', (t) => {
  const attributes = { specversion: '1.0', id: 'i', source: '/s', type: 't' }
  const none = { subject: null, time: null, datacontenttype: null, extension: null }
  const cases = [
    { event: { data: { a: [1] } }, want: { dataText: '{"a":[1]}', data: { a: [1] } } },
    { event: {}, want: { dataText: 'null', data: null } },
    { event: { data: '}],"\\' }, want: { dataText: String.raw`"}],\"\\"`, data: '}],"\\' } },
    { event: { data: 0, ext1: 'x' }, want: { dataText: '0', data: 0, extension: 'x' } },
    { event: { data: false, ext1: 12 }, want: { dataText: 'false', data: false, extension: '12' } },
    {
      event: { data: 1, subject: 'é', time: 'now', datacontenttype: 'text/json' },
      want: { subject: 'é', time: 'now', datacontenttype: 'text/json' },
    },
    { event: { ext1: { data: 1 }, data: {} }, want: { extension: '{"data":1}', data: {} } },
  ]
  for (const { event, want } of cases) {
    const found = dataOf(probe('event', JSON.stringify({ ...attributes, ...event })))
    t.match(found, { id: 'i', source: '/s', type: 't', ...none, ...want })
    const spaced = members({ ...event, ...attributes }).join('\n,\t')
    t.strictSame(dataOf(probe('event', `\n{ ${spaced} }\n`)), found)
  }
  t.match(probe('event', '{"id":"i","data":1}'), {
    kind: 'reject',
    reason: 'source should be a string, but is missing',
  })
  t.match(probe('event', '{"id":'), { kind: 'reject', reason: /^Not a structured CloudEvent: / })
  t.match(probe('event', '{"id":"i","source":"/s","type":"t","data":nope}'), {
    kind: 'reject',
    reason: /^Not valid JSON/,
  })
  t.end()
})

t.test('what a module asks of its host', (t) => {
  t.strictSame(probe('env', 'NAME'), ok('["the välue 😀","early"]'))
  t.strictSame(probe('env', 'OTHER'), ok('[null,"early"]'))
  t.strictSame(probe('reject', 'no 😀'), { kind: 'reject', code: 'REJECTED', reason: 'no 😀' })
  t.strictSame(probe('retry', 'later'), { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'later' })
  t.match(probe('retry-after', 'later'), { kind: 'retry', reason: 'later', afterMs: 1500 })
  t.strictSame(logged, [])
  t.strictSame(probe('log', 'line'), { kind: 'ok', data: undefined })
  t.strictSame(logged, ['debug: line', 'info: line', 'warn: line', 'error: line'])
  t.strictSame(probe('emit', '{"a": 1.0}'), {
    kind: 'ok',
    data: undefined,
    emitted: [
      { event: 'json', data: '{"a":1.0}' },
      { event: 'text', data: '{"a": 1.0}' },
    ],
  })
  const before = Date.now()
  const time = Number(dataOf(probe('now')))
  t.ok(before <= time && time <= Date.now())
  t.end()
})

t.test('garbage is collected while an event runs', (t) => {
  t.strictSame(probe('garbage', '20000'), ok('20000')) // 400 MB of strings in all
  t.end()
})

function members(value: object): string[] {
  return Object.entries(value).map(([name, member]) => `"${name}" : ${JSON.stringify(member)}`)
}
