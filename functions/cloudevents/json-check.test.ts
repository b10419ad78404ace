import t from 'tap'

import { findJsonFault } from './json-check.ts'
import { MAX_JSON_DEPTH, parseJson } from './json.ts'
import { messageOf } from '../process/errors.ts'

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

const texts: readonly string[] = [
  ...[
    '',
    ' ',
    '{',
    '[',
    '}',
    ']',
    '[1',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '[1,]',
    '{"a":1,}',
    '[,1]',
    '{,}',
  ],
  ...[
    'null',
    'true',
    'false',
    'nul',
    'truex',
    'True',
    'undefined',
    'NaN',
    '"a"',
    '"a',
    'a"',
    "'a'",
    '"\\"',
    '"\\\\"',
  ],
  ...[
    '"\\u00e9"',
    '"\\u00g9"',
    '"\\u00"',
    '"\\x"',
    '"\\/\\b\\f\\n\\r\\t\\""',
    '"\t"',
    '"\u0000"',
    '"\u007f\u2028"',
  ],
  ...[
    '0',
    '-0',
    '01',
    '-',
    '+1',
    '1.',
    '.5',
    '1.5',
    '1e',
    '1e5',
    '1E+5',
    '1e-5',
    '1e+',
    '1.e5',
    '--1',
    '1 2',
    '0x1',
  ],
  ...[
    '[]',
    '{}',
    '[[]]',
    '[{}]',
    '{"a":{}}',
    '{"a":[]}',
    ' [ 1 , "b" , { "c" : null } ] ',
    '[1 2]',
    '{"a" 1}',
    '{1:2}',
  ],
  ...[
    '{"a":1,"a":2}',
    '{"a":1,"b":{"a":2}}',
    '{"a":1,"\\u0061":2}',
    '[{"a":1},{"a":1}]',
    '{"__proto__":1}',
    '{"a":1}}',
  ],
  ...[
    '[]]',
    '[}',
    '{]',
    '[[}]',
    '\ufeff1',
    '1\u00a0',
    '\u000b1',
    '"\ud800"',
    '12345678901234567890.10',
    '[1e400]',
  ],
  ...[
    nested(MAX_JSON_DEPTH),
    nested(MAX_JSON_DEPTH + 1),
    '['.repeat(200),
    `${'{"a":'.repeat(128)}1${'}'.repeat(128)}`,
  ],
]

t.test('what a parser takes is taken, and nothing else', (t) => {
  for (const [index, text] of texts.entries()) {
    let want: string | undefined
    try {
      parseJson(text)
    } catch (thrown) {
      want = messageOf(thrown)
    }
    const found = findJsonFault(text)
    const name = `text ${index}`
    if (text === '['.repeat(200)) t.match(found, { message: /nested deeper/ }, name)
    else if (want === undefined || !want.startsWith('not JSON')) t.equal(found?.message, want, name)
    else t.match(found, { isJson: false, message: /^not JSON: unexpected / }, name)
  }
  t.end()
})

t.test('it says what is wrong, and where', (t) => {
  t.equal(findJsonFault('{"a": x}')?.message, 'not JSON: unexpected "x" at character 7')
  t.equal(findJsonFault('[1')?.message, 'not JSON: unexpected end')
  t.end()
})

t.test('texts of many small values take little memory, and their time is that of their length', (t) => {
  const many = 2_700_000
  for (const text of [
    `[${'[],'.repeat(many)}[]]`,
    `[${'{},'.repeat(many)}{}]`,
    '['.repeat(8e6),
    '1'.repeat(8e6),
  ]) {
    const before = process.memoryUsage().heapUsed
    findJsonFault(text)
    t.ok(process.memoryUsage().heapUsed - before < 64 * 2 ** 20, text.slice(0, 8))
  }
  t.end()
})
