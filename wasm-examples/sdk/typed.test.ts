import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { compileAssemblyScript, sdkDir } from '../../scripts/assemblyscript.ts'
import { loadGuest } from '../load-guest.ts'

const out = join(t.testdir(), 'typed.wasm')
const { diagnostics } = await compileAssemblyScript({
  entry: join(sdkDir(), 'test/assembly/typed.ts'),
  out,
})
const { execute } = loadGuest(out, [], ['next'])

const read = (type: string, text: string) => execute(`${type}\n${text}`)
const ok = (data: string) => ({ kind: 'ok', data })
const rejected = (reason: string) => ({ kind: 'reject', code: 'REJECTED', reason })

const order = { id: 'a', items: [{ sku: 'x', quantity: 2 }], note: 'n', 'unit-price': 2, size: 0, extra: [1] }
const nested = (depth: number) => `${'{"value":1,"children":['.repeat(depth)}${']}'.repeat(depth)}`
const lowest = {
  i8: -128,
  u8: 0,
  i16: -32768,
  u16: 0,
  i32: -(2 ** 31),
  u32: 0,
  f32: -0.5,
  f64: -1.5e-300,
  flag: false,
}
const highest = {
  i8: 127,
  u8: 255,
  i16: 32767,
  u16: 65535,
  i32: 2 ** 31 - 1,
  u32: 2 ** 32 - 1,
  f32: 2 ** 100,
  f64: 1e300,
  flag: true,
}
const numbers = (values: object, i64: string, u64: string) =>
  JSON.stringify(values).replace('}', `,"i64":${i64},"u64":${u64}}`)

const same = [
  { type: 'Order', texts: [JSON.stringify(order)] },
  { type: 'Dog', texts: ['{"name":"Rex","age":3}'] },
  { type: 'Made', texts: ['{"name":"a","count":1}'] },
  {
    type: 'Page<Item>',
    texts: ['{"items":[],"next":{"sku":"x","quantity":1}}', '{"items":[{"sku":"x","quantity":1}]}'],
  },
  { type: 'Tree', texts: [nested(1), nested(64)] },
  { type: 'Empty', texts: ['{}'] },
  { type: 'Escaped', texts: ['{"a/b~c \\"😀\\"":"x","":1}'] },
  {
    type: 'string',
    texts: [
      ...['""', '"😀"', '"a😀b👩‍👩‍👧"', '"\\ud800"', '"\\udc00\\ud800x"', '"\u2028\u007f"'],
      JSON.stringify(Array.from({ length: 32 }, (_, unit) => String.fromCharCode(unit)).join('')),
      JSON.stringify(`\\"/${'x'.repeat(10_000)}😀`),
    ],
  },
  { type: 'string | null', texts: ['null', '"null"'] },
  { type: 'i64', texts: ['0', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993'] },
  { type: 'u64', texts: ['0', '18446744073709551615'] },
  { type: 'f64', texts: ['0', '0.1', '-0.5', '5e-324', '1.7976931348623157e+308'] },
  { type: 'bool', texts: ['true', 'false'] },
  { type: 'Json', texts: ['null', '{"a":[1.50,{"b":null}]}', '[]'] },
  { type: 'i32[][]', texts: ['[]', '[[],[1,-2]]'] },
  { type: '(string | null)[]', texts: ['[null,"a",null]'] },
  { type: 'Item[]', texts: ['[{"sku":"x","quantity":1},{"sku":"😀","quantity":-1}]'] },
]

t.test('what is read is written again as it was', (t) => {
  t.equal(diagnostics, '')
  for (const { type, texts } of same)
    for (const text of texts)
      t.strictSame(
        read(type, text),
        ok(text),
        JSON.stringify(`${type} ${encodeURI(text.slice(0, 40).toWellFormed())}`),
      )
  t.end()
})

t.test('what may be written in several ways, or left out', (t) => {
  const cases = [
    ['Order', '{"id":"a","items":[]}', '{"id":"a","items":[],"unit-price":1.5,"size":7,"extra":null}'],
    [
      'Order',
      ` {\n"items" : [ ] ,"\\u0069d":"\\u0061","note":null}`,
      '{"id":"a","items":[],"unit-price":1.5,"size":7,"extra":null}',
    ],
    [
      'Order',
      '{"id":"a","id":"b","items":[],"more":{"x":["}"]}}',
      '{"id":"b","items":[],"unit-price":1.5,"size":7,"extra":null}',
    ],
    ['label', '{"id":"a","items":[],"seen":"no","label":"no"}', '"a yes"'],
    ['Made', '{"name":"a"}', '{"name":"a","count":3}'],
    ['new Made', 'b', '{"name":"b","count":3}'],
    ['Animal of Dog', '{"age":255,"name":"Rex"}', '{"name":"Rex","age":255}'],
    ['Tree', '{"value":1.0}', '{"value":1,"children":[]}'],
    ['string', '"\\ud83d\\ude00\\/\\u00e9"', '"😀/é"'],
    ['i64', '1e3', '1000'],
    ['i64', '-2.0', '-2'],
    ['u64', '-0', '0'],
    ['f64', '1E5', '100000'],
    ['f64', '1e-400', '0'],
    ['f64', '9007199254740993', '9007199254740992'],
    ['f64', '8.41e21', '8.409999999999999e+21'], // which is the same float, as in the next case
    ['f64', '0.30000000000000004', '0.30000000000000007'],
    ['f64', '2.4703282292062327e-324', '0'],
    ['f64', '2.4703282292062328e-324', '5e-324'],
    ['f64', `1.${'0'.repeat(900)}1`, '1'],
    ['f64', `0.${'0'.repeat(900)}1e901`, '1'],
    ['Json.of', '{"quantity":1,"sku":"x"}', '{"item":{"sku":"x","quantity":1}}'],
    [
      'event',
      '{"id":"1","source":"/s","type":"t","data":{"sku":"x","quantity":1}}',
      '{"sku":"x","quantity":1}',
    ],
  ] as const
  for (const [type, text, want] of cases) t.strictSame(read(type, text), ok(want), `${type} ${text}`)
  t.strictSame(read('emit', '{"sku":"😀","quantity":1}'), {
    ...{ kind: 'ok', data: undefined },
    emitted: [{ event: 'next', data: '{"sku":"😀","quantity":1}' }],
  })
  t.end()
})

t.test('numbers of all types, from end to end', (t) => {
  const lowestText = numbers(lowest, '-9223372036854775808', '0')
  const highestText = numbers(highest, '9223372036854775807', '18446744073709551615')
  for (const text of [lowestText, highestText]) {
    const outcome = read('Numbers', text)
    t.match(outcome, { kind: 'ok' })
    t.strictSame(JSON.parse(outcome.kind === 'ok' ? (outcome.data ?? '') : ''), JSON.parse(text))
  }
  const outside = [
    ...[
      ['i8', -129, 128],
      ['u8', -1, 256],
      ['i16', -32769, 32768],
      ['u16', -1, 65536],
    ],
    ...[
      ['i32', -2147483649, 2147483648],
      ['u32', -1, 4294967296],
      ['i32', 0.5, '"1"'],
      ['u8', 'null', 'true'],
    ],
  ] as const
  for (const [type, ...values] of outside)
    for (const value of values)
      t.match(
        read('Numbers', highestText.replace(new RegExp(`"${type}":\\d+`), `"${type}":${value}`)),
        { kind: 'reject', reason: new RegExp(`^/${type} should be an integer from -?\\d+ to \\d+, but is `) },
        `${type} ${value}`,
      )
  t.end()
})

t.test('what does not fit is rejected, with its place', (t) => {
  const cases = [
    ['Order', '[]', 'the data should be an object, but is an array'],
    ['Order', '{}', '/id is missing'],
    ['Order', '{"id":null,"items":[]}', '/id should be a string, but is null'],
    ['Order', '{"id":5,"items":[]}', '/id should be a string, but is 5'],
    ['Order', '{"id":"a","items":null}', '/items should be an array, but is null'],
    ['Order', '{"id":"a","items":{}}', '/items should be an array, but is an object'],
    ['Order', '{"id":"a","items":[{"sku":"x","quantity":1},{"quantity":1}]}', '/items/1/sku is missing'],
    ['Order', '{"id":"a","items":[7]}', '/items/0 should be an object, but is 7'],
    ['Order', '{"id":"a","items":[],"note":true}', '/note should be a string, but is true or false'],
    [
      'Order',
      '{"id":"a","items":[],"unit-price":"1"}',
      '/unit-price should be a number that an f64 holds, but is a string',
    ],
    [
      'Order',
      '{"id":"a","items":[],"unit-price":null}',
      '/unit-price should be a number that an f64 holds, but is null',
    ],
    ['Order', '{"id":"a"', 'Not valid JSON: expected a comma or the end at 9'],
    ['Dog', '{"name":"Rex"}', '/age is missing'],
    ['Dog', '{"age":1}', '/name is missing'],
    ['Page<Item>', '{"items":[],"next":{}}', '/next/sku is missing'],
    [
      'Tree',
      '{"value":1,"children":[{"value":2,"children":[{}]}]}',
      '/children/0/children/0/value is missing',
    ],
    ['Tree', nested(129), 'Not valid JSON: nested deeper than 256 at 2945'],
    ['Escaped', '{}', '/a~1b~0c "😀" is missing'],
    [
      'i64',
      '9223372036854775808',
      'the data should be an integer from -9223372036854775808 to 9223372036854775807, but is 9223372036854775808',
    ],
    [
      'u64',
      '18446744073709551616',
      'the data should be an integer from 0 to 18446744073709551615, but is 18446744073709551616',
    ],
    ['f64', '1e400', 'the data should be a number that an f64 holds, but is 1e400'],
    ['f32', '1e39', 'the data should be a number that an f32 holds, but is 1e39'],
    ['i32[][]', '[[1],[2,"x"]]', '/1/1 should be an integer from -2147483648 to 2147483647, but is a string'],
    ['ring', '', 'The JSON value is nested deeper than 256'],
    ['event', '{"id":"1","source":"/s","type":"t"}', 'the data should be an object, but is null'],
  ] as const
  for (const [type, text, reason] of cases)
    t.strictSame(
      read(type, text),
      rejected(reason),
      JSON.stringify(`${type} ${encodeURI(text.slice(0, 40).toWellFormed())}`),
    )
  t.end()
})

t.test('any text and any float come back', (t) => {
  const comesBack = (type: string, text: string) => {
    const outcome = read(type, text)
    return outcome.kind === 'ok' && Object.is(JSON.parse(outcome.data ?? ''), JSON.parse(text))
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => comesBack('string', JSON.stringify(value))),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
      (value) => comesBack('f64', JSON.stringify(value)),
    ),
    { numRuns: 500 },
  )
  t.end()
})

t.test('what is read stays while garbage is collected', (t) => {
  t.strictSame(read('many', '20000'), ok('true'))
  t.end()
})
