import { fullFormats } from 'ajv-formats/dist/formats.js'
import fc from 'fast-check'
import t from 'tap'

import { canonicalJson } from './numbers/equality.ts'
import { MAX_EXPANSION } from './reference-expansion.ts'
import { MAX_STEPS } from './budget.ts'
import { linearPattern } from './patterns/pattern.ts'
import { compileSchema, compileSchemaInUse, isSpent, newBudget } from './validator.ts'

type Case = readonly [name: string, schema: unknown, data: unknown]

const draft2020 = 'https://json-schema.org/draft/2020-12/schema'
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i))
const deep = (levels: number, inner: unknown) =>
  JSON.parse('['.repeat(levels) + JSON.stringify(inner) + ']'.repeat(levels)) as unknown
const fields = (count: number) => Object.fromEntries(times(count, (index) => [`x${index}`, 1]))
/** A schema that holds each value against 2 ** `levels` others. */
const doubling = (levels: number, keyword: string) => ({
  $ref: '#/definitions/d0',
  definitions: Object.fromEntries([
    ...times(levels, (level) => [
      `d${level}`,
      { [keyword]: times(2, () => ({ $ref: `#/definitions/d${level + 1}` })) },
    ]),
    [`d${levels}`, { type: 'string' }],
  ]) as object,
})
/** A schema of nested arrays, each of which is held twice against the schema of what is within. */
const twice = (keyword: string, alternative: object) => ({
  $ref: '#/definitions/n',
  definitions: { n: { [keyword]: times(2, () => ({ ...alternative, items: { $ref: '#/definitions/n' } })) } },
})

t.test('data that takes too long to check is at fault for it', (t) => {
  const cases: readonly Case[] = [
    ['a tree that is gone through twice at each level', twice('allOf', {}), deep(128, 1)],
    ['alternatives that fail at each level', twice('anyOf', { type: 'array', minItems: 1 }), deep(128, 1)],
    [
      'many alternatives',
      { items: { anyOf: [...times(100, (index) => ({ const: index })), { type: 'string' }] } },
      times(300_000, () => 'x'),
    ],
    ['a large pattern', { pattern: '[ab]*a[ab]{900}c' }, `c${'ab'.repeat(250_000)}`],
    [
      'a large pattern for many texts',
      { items: { not: { pattern: '[ab]*a[ab]{900}c' } } },
      times(1_000, () => `c${'ab'.repeat(250)}`),
    ],
    [
      'a pattern whose states are many at once',
      { pattern: '^((a?){1,30}){1,30}$' },
      `${'a'.repeat(100_000)}b`,
    ],
    [
      'a literal that nearly matches',
      { pattern: `${'a'.repeat(5_000)}b${'a'.repeat(5_000)}` },
      'a'.repeat(1_000_000),
    ],
    [
      'many properties',
      { items: { properties: Object.fromEntries(times(1_000, (i) => [`p${i}`, {}])) } },
      times(100_000, () => ({})),
    ],
    [
      'many patterns for many fields',
      { patternProperties: Object.fromEntries(times(100, (i) => [`^y${i}.{1,30}$`, { type: 'integer' }])) },
      Object.fromEntries(times(50_000, (i) => [`y${i}`, 1])),
    ],
    [
      'fields that are gone through for each alternative',
      {
        $schema: draft2020,
        anyOf: times(50, (i) => ({ patternProperties: { [`^x${i}`]: true } })),
        unevaluatedProperties: false,
      },
      fields(90_000),
    ],
    [
      'one and the same compared at each level',
      {
        $ref: '#/definitions/n',
        definitions: { n: { not: { enum: [{ a: 1 }] }, items: { $ref: '#/definitions/n' } } },
      },
      deep(
        127,
        times(400_000, () => 1),
      ),
    ],
  ]
  for (const [name, schema, data] of cases) {
    const budget = newBudget()
    t.match(
      compileSchemaInUse(schema)(data, budget),
      [
        {
          pointer: '',
          detail:
            /takes more than 2000000 steps .*; send fewer events at once or less data, or make the schema simpler/,
        },
      ],
      name,
    )
    t.ok(isSpent(budget), name)
  }
  t.end()
})

t.test('large data is checked as it is', (t) => {
  const definitions = { count: { type: 'integer', minimum: 0 }, none: { type: 'null' } }
  const anyCount = { oneOf: [{ $ref: '#/definitions/count' }, { $ref: '#/definitions/none' }] }
  const uuid = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
  const cases: readonly Case[] = [
    ['numbers that are all different', { uniqueItems: true }, times(150_000, (index) => index)],
    ['objects that are all different', { uniqueItems: true }, times(60_000, (a) => ({ a }))],
    ['one of many words', { items: { enum: times(10_000, (i) => `k${i}`) } }, times(150_000, () => 'k9999')],
    [
      'one of many objects',
      { items: { enum: times(2_000, (a) => ({ a })) } },
      times(60_000, () => ({ a: 1_999 })),
    ],
    [
      'half a million alternatives',
      { items: { oneOf: [{ type: 'integer' }, { type: 'null' }] } },
      times(520_000, () => 1),
    ],
    ['references', { items: anyCount, definitions }, times(200_000, () => 1)],
    [
      'a pattern for many texts',
      { items: { type: 'string', pattern: uuidPattern } },
      times(26_000, () => uuid),
    ],
    [
      '1,000 events with six fields ^.{1,255}$',
      { items: { additionalProperties: { pattern: '^.{1,255}$' } } },
      times(1_000, () => Object.fromEntries(times(6, (i) => [`x${i}`, 'abcdefghij klmnopqrst 1234']))),
    ],
    ...[
      '^[^@]{1,64}@[^@]{1,255}$',
      String.raw`^[\w.%+-]{1,64}@[\w.-]{1,255}$`,
      String.raw`^[\w.%+-]{1,64}@[\w.-]{1,255}\.[A-Za-z]{2,63}$`,
    ].map((pattern): Case => [
      `5,000 e-mail addresses, ${pattern}`,
      { items: { pattern } },
      times(5_000, (i) => `first.last${i}@mail.example.com`),
    ]),
    ['texts of 1,000', { items: { pattern: '^.{1,1000}$' } }, times(1_000, () => 'x'.repeat(1_000))],
    [
      'texts of 1,000 letters of all kinds',
      { items: { pattern: String.raw`^[\p{L}\p{N} .,-]{1,1000}$` } },
      times(1_000, () => 'naïve 漢字'.repeat(100)),
    ],
    [
      'a counted search',
      { items: { pattern: '[0-9]{16}' } },
      times(1_000, () => `${'123 '.repeat(240)}1234567890123456`),
    ],
    ['a pattern for a long text', { pattern: '^(?:[A-Za-z0-9+/]{4})*$' }, 'QUJD'.repeat(260_000)],
    ['a URL that nearly is one', { not: { format: 'url' } }, `http://${'a:@'.repeat(300_000)}`],
    ['many fields', { additionalProperties: { type: 'integer' } }, fields(90_000)],
  ]
  for (const [name, schema, data] of cases) t.same(compileSchema(schema)(data), [], name)
  t.end()
})

t.test('each pattern is one of its own', (t) => {
  const validate = compileSchema({
    allOf: [{ pattern: 'a' }, { pattern: 'b' }],
    patternProperties: { '^c': false, '^d': true },
  })
  t.match(validate('ac'), [{ detail: /pattern b/ }])
  t.match(validate({ d: 1, c: 1 }), [{ pointer: '/c' }])
  t.end()
})

t.test('what a pattern costs is the same each time, and its matches are those of the engine', (t) => {
  const cases: readonly [pattern: string, text: string, isMatch: boolean][] = [
    ['^.{1,255}$', 'x'.repeat(255), true],
    ['^.{1,1000}$', 'x'.repeat(1_001), false],
    ['[ab]*a[ab]{900}c', `${'ba'.repeat(500)}c`, true],
    ['[ab]*a[ab]{900}c', `${'ab'.repeat(500)}c`, false],
    ['^((a?){1,30}){1,30}$', 'a'.repeat(900), true],
    ['^((a?){1,30}){1,30}$', 'a'.repeat(901), false],
    [String.raw`\bfoo\b`, 'a foo', true],
    [String.raw`\bfoo\b`, 'afoo', false],
    [String.raw`(\p{L}?\b){500}z$`, 'é z', true],
    ['^(a|b|ab)*$', 'abba', true],
    ['', '', true],
  ]
  for (const [pattern, text, isMatch] of cases) {
    const tested = linearPattern(pattern)
    const before = tested.cost(text.length)
    t.equal(tested.test(text), isMatch, `${pattern} for ${text.length} characters`)
    t.equal(tested.cost(text.length), before, pattern)
    t.ok(tested.cost(text.length + 1) > before, 'more for more')
  }
  t.end()
})

t.test('several values share a budget', (t) => {
  const validate = compileSchema({ items: { minimum: 0 } })
  const budget = newBudget()
  const data = times(500_000, () => 1)
  t.same(validate(data, budget), [])
  t.ok(budget.steps < MAX_STEPS)
  for (let more = 0; more < 4; more++) validate(data, budget)
  t.match(validate(data, budget), [{ detail: /takes more than/ }])
  t.same(validate(data), [], 'another one is not touched')
  t.end()
})

t.test('schemas whose references multiply or never end are refused', (t) => {
  const ownRef = { $ref: '#/definitions/a' }
  const cases: readonly [name: string, schema: unknown, says: RegExp][] = [
    [
      '2 ** 18 alternatives',
      doubling(18, 'anyOf'),
      /not valid at .*: holds each value against \d+ schemas, more than 10000/,
    ],
    ['2 ** 200 of all', doubling(200, 'allOf'), /holds each value against .* merge alternatives/],
    [
      'itself',
      { $ref: '#' },
      /refers to itself for one and the same value, which never ends; refer to it from within/,
    ],
    [
      'itself, by another',
      { anyOf: [ownRef], definitions: { a: { not: { $ref: '#' } } } },
      /refers to itself/,
    ],
    ['itself, at a definition', { definitions: { a: { if: ownRef } } }, /refers to itself/],
    [
      'by an escaped name',
      { definitions: { 'a/b c': { allOf: [{ $ref: '#/definitions/a~1b%20c' }] } } },
      /refers to itself/,
    ],
  ]
  for (const [name, schema, says] of cases) {
    t.throws(() => compileSchema(schema), { code: 'SCHEMA_INVALID', message: says }, name)
  }
  t.ok(2 ** 11 < MAX_EXPANSION)
  t.match(compileSchema(doubling(11, 'anyOf'))(1)[0], { detail: /must be a string/ }, 'as many as may be')
  const tree = { properties: { left: { $ref: '#' }, right: { $ref: '#' } }, required: ['n'] }
  t.match(compileSchema(tree)({ n: 1, left: { n: 2, right: {} } }), [{ pointer: '/left/right/n' }])
  t.end()
})

t.test('what schemas may list once', (t) => {
  const objects = [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ]
  for (const schema of [{ required: ['a', 'b', 'a'] }, { enum: objects }, { type: ['null', 'null'] }]) {
    t.throws(() => compileSchema(schema), { code: 'SCHEMA_INVALID', message: / twice; take one out$/ })
  }
  const choice = compileSchema({ $schema: draft2020, enum: [...objects, 'x', 'x'] })
  t.same(choice('x'), [], '2020-12 lets enum list one twice')
  t.same(choice(objects[1]), [])
  t.equal(choice('y').length, 1)
  t.throws(() => compileSchema({ $schema: draft2020, required: ['a', 'a'] }), { code: 'SCHEMA_INVALID' })
  t.end()
})

t.test('what the sender names stays short in faults', (t) => {
  const long = 'k'.repeat(1_000_000)
  const [fault] = compileSchema({ additionalProperties: false })({ [long]: 1 })
  t.equal(fault?.pointer, `/${'k'.repeat(498)}…`)
  t.ok(fault !== undefined && fault.detail.length <= 400)
  const [inner] = compileSchema({ additionalProperties: { type: 'string' } })({ [long]: 1 })
  t.equal(inner?.pointer.length, 500)
  t.end()
})

t.test('names and values that trick comparisons', (t) => {
  const unique = compileSchema({ items: { type: ['string', 'number', 'array'] }, uniqueItems: true })
  t.match(unique(['__proto__', 'x', '__proto__']), [{ detail: /items 0 and 2 are alike/ }])
  for (const data of [
    ['1', 1],
    ['[1]', [1]],
    ['a', 'a_'],
    ['length', 'constructor'],
  ])
    t.same(unique(data), [])
  t.equal(unique([1.0, 1]).length, 1)
  t.equal(unique([0, -0]).length, 1)
  const choice = compileSchema({ enum: [[1], { a: null }] })
  for (const data of ['[1]', '{"a":null}', [2], {}, null])
    t.equal(choice(data).length, 1, JSON.stringify(data))
  t.same(choice({ a: null }), [])
  t.end()
})

t.test('a canonical text is the same exactly for values that are equal', (t) => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, shuffled(member)]),
    )
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => canonicalJson(shuffled(value)) === canonicalJson(value)))
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.same(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  t.end()
})

t.test('a URL is what the expression of ajv-formats takes', (t) => {
  const own = (text: string) => compiled(text).length === 0
  const compiled = compileSchema({ format: 'url' })
  const expression = fullFormats.url as RegExp
  const cases: readonly [url: string, isUrl: boolean][] = [
    ['http://例え.テスト/道?q=ü#☺', true],
    ['https://a.example/✪/b c', false],
    ['HTTPS://a.example:8080/', true],
    ['ftp://user:word@a.example', true],
    ['http://u@v@a.example/@c', true],
    ['http://@a.example', false],
    ['http://localhost', false],
    ['http://a-b.example', true],
    ['http://a--b.example', false],
    ['http://a.example?q=1', false],
    ['http://8.8.8.8', true],
    ['http://172.16.0.1', false],
    ['http://10.1.2.3.example', true],
  ]
  for (const [url, isUrl] of cases) t.same([own(url), expression.test(url)], [isUrl, isUrl], url)
  const piece = fc.oneof(
    fc.constantFrom(
      'a',
      'b1',
      'é',
      '例',
      '-',
      '.',
      '.',
      ':',
      '80',
      '@',
      '/',
      '?',
      ' ',
      '\u3000',
      '😀',
      '\ud800',
    ),
    fc.constantFrom(
      '10',
      '172',
      '16',
      '192.168',
      '169.254',
      '255',
      '254',
      '0',
      '00',
      '01',
      '223',
      '.example',
    ),
  )
  const urls = fc.array(piece, { maxLength: 9 }).map((pieces) => `http://${pieces.join('')}`)
  fc.assert(
    fc.property(urls, (url) => own(url) === expression.test(url)),
    { numRuns: 5_000 },
  )
  const address = fc
    .array(fc.nat(260), { minLength: 4, maxLength: 4 })
    .map((four) => `http://${four.join('.')}`)
  fc.assert(
    fc.property(address, (url) => own(url) === expression.test(url)),
    { numRuns: 2_000 },
  )
  t.end()
})
