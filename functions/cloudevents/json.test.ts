import fc from 'fast-check'
import t from 'tap'

import { isExactNumber } from './exact-number.ts'
import { decodeUtf8, elementTexts, MAX_JSON_DEPTH, memberTexts, parseJson } from './json.ts'

t.test('parseJson', (t) => {
  const deep = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels)
  const cases: readonly [name: string, text: string, problem: RegExp | undefined][] = [
    ['a number', '1', undefined],
    ['blanks around', ' \t\r\n[ ] ', undefined],
    ['one key in two objects', '[{"a":1},{"a":2}]', undefined],
    ['one key in an object and its child', '{"a":{"a":{"a":1}}}', undefined],
    ['a key after a child', '{"a":{"b":1},"b":2}', undefined],
    ['a key as a value', '{"a":"b","b":"a"}', undefined],
    ['strings in an array in an object', '{"a":["x","x",{}],"x":1}', undefined],
    ['brackets in strings', '{"a":"}{","b":"]["}', undefined],
    ['a quote in a string', String.raw`{"a":"\"","b":"\\","c":1}`, undefined],
    ['as deep as it may be', deep(MAX_JSON_DEPTH), undefined],
    ['wide, not deep', `[${'[],'.repeat(500)}[]]`, undefined],
    ['a key twice', '{"a":1,"a":2}', /"a" twice/],
    ['a key twice, within', '[{"x":{"a":1,"b":2,"a":3}}]', /"a" twice/],
    ['a key twice, around a child', '{"a":{"b":[{}]},"a":1}', /"a" twice/],
    ['a key twice, once escaped', String.raw`{"a":1,"\u0061":2}`, /"a" twice/],
    ['an empty key twice', '{"":1,"":2}', /"" twice/],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', /twice/],
    ['too deep', deep(MAX_JSON_DEPTH + 1), /deeper than 128/],
    ['arrays too deep', '['.repeat(129) + ']'.repeat(129), /deeper than 128/],
    ['nothing', '', /not JSON/],
    ['a trailing comma', '[1,]', /not JSON/],
    ['two values', '1 2', /not JSON/],
    ['NaN', 'NaN', /not JSON/],
    ['a byte order mark', '\ufeff1', /not JSON/],
  ]
  for (const [name, text, problem] of cases) {
    if (problem === undefined) t.same(parseJson(text), JSON.parse(text), name)
    else t.throws(() => parseJson(text), { code: 'BODY_INVALID', message: problem }, name)
  }
  t.end()
})

t.test('numbers that a double would round are kept as they were written', (t) => {
  const kept = [
    ...[
      '9007199254740993',
      '-9007199254740993',
      '1524831183200260097',
      '9007199254740993.5',
      '1e400',
      '-1E+400',
    ],
    ...['1e-400', '0.1000000000000000055', '4.99999999999999999999', '123456789012345678e5', '5e-325'],
  ]
  const doubles = [
    ...[
      '0',
      '-0',
      '0.0',
      '1.0',
      '19.99',
      '9007199254740992',
      '9007199254740994',
      '1e5',
      '1E5',
      '10e-1',
      '100e-2',
    ],
    ...[
      '1e308',
      '5e-324',
      '13.404953999999998',
      '0.30000000000000004',
      '1.7976931348623157e308',
      '0e999',
      '1e+21',
    ],
    ...['123456789012345680000', '1234567890123456800.0', '0.000000000000000000000000000012'],
  ]
  for (const text of kept) {
    for (const [name, whole] of Object.entries({
      alone: text,
      within: `{"a":[{"__proto__":[ ${text}\n]}],"b":1}`,
    })) {
      t.equal(JSON.stringify(parseJson(whole)), whole.replaceAll(/\s/g, ''), `${text}, ${name}`)
    }
    t.ok(isExactNumber(parseJson(text)), text)
  }
  for (const text of doubles) t.equal(parseJson(text), Number(text), text)
  t.same(parseJson('"9007199254740993 1e400"'), '9007199254740993 1e400', 'not those in strings')
  t.end()
})

t.test('decodeUtf8', (t) => {
  t.equal(decodeUtf8(Buffer.from('é€😀')), 'é€😀')
  const cases: readonly [name: string, bytes: number[]][] = [
    ['a stray byte', [0xff]],
    ['an overlong form', [0xc0, 0xa0]],
    ['half a character', [0xe2, 0x82]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ]
  for (const [name, bytes] of cases) {
    t.throws(() => decodeUtf8(Uint8Array.from(bytes)), { code: 'BODY_INVALID' }, name)
  }
  t.end()
})

t.test('memberTexts and elementTexts', (t) => {
  const members: readonly [text: string, want: [string, string][]][] = [
    ['{}', []],
    [' { } ', []],
    ['{"a":1}', [['a', '1']]],
    [
      ' { "a" : 1.0 , "b":[1, {"c":2}] } ',
      [
        ['a', '1.0'],
        ['b', '[1, {"c":2}]'],
      ],
    ],
    [
      String.raw`{"\u0061,:{":"x,}:\"","b":null}`,
      [
        ['a,:{', String.raw`"x,}:\""`],
        ['b', 'null'],
      ],
    ],
    ['{"":{}}', [['', '{}']]],
  ]
  for (const [text, want] of members) t.same([...memberTexts(text)], want, text)
  const elements: readonly [text: string, want: string[]][] = [
    ['[]', []],
    [' [ ] ', []],
    ['[1]', ['1']],
    ['[ 1.0 ,"a,b", [2,3] , {"x":[]} ]', ['1.0', '"a,b"', '[2,3]', '{"x":[]}']],
    ['[[]]', ['[]']],
    ['[""]', ['""']],
  ]
  for (const [text, want] of elements) t.same(elementTexts(text), want, text)
  t.end()
})

t.test('the parts of any JSON are what they were', (t) => {
  const blank = fc.constantFrom('', ' ', '\n\t')
  fc.assert(
    fc.property(fc.array(fc.json()), blank, (values, gap) => {
      const text = `[${gap}${values.join(`${gap},${gap}`)}${gap}]`
      t.same(
        elementTexts(text).map((element) => JSON.parse(element) as unknown),
        JSON.parse(text),
      )
      t.same(parseJson(text), JSON.parse(text))
    }),
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const text = JSON.stringify(object, undefined, 1)
      t.same(
        [...memberTexts(text)].map(([name, value]) => [name, JSON.parse(value) as unknown]),
        Object.entries(JSON.parse(text) as object),
      )
    }),
  )
  t.end()
})
