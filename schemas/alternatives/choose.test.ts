import t from 'tap'

import { compileSchema } from '../validator.ts'

interface Case {
  readonly name: string
  readonly schema: object
  readonly data: unknown
  /** The first fault: its pointer, and a part of its detail. */
  readonly first: readonly [pointer: string, says: string]
  /** A part of the last fault. */
  readonly last?: string
}

const draft2020 = 'https://json-schema.org/draft/2020-12/schema'
const string = { type: 'string' }
const integer = { type: 'integer' }
const tagged = (kind: unknown, name: string, schema: object = string) => ({
  properties: { kind: { const: kind }, [name]: schema },
  required: ['kind', name],
})
const payments = [
  ...Array.from({ length: 24 }, (_, index) => tagged(`kind${index}`, `f${index}`)),
  tagged('paid', 'amount', integer),
]
const others = { a: tagged('a', 'x'), b: tagged('b', 'y', integer) }

const cases: readonly Case[] = [
  {
    name: 'the one of 25 that the tag chooses',
    schema: { oneOf: payments },
    data: { kind: 'paid', amount: '12' },
    first: ['/amount', 'must be an integer, but is a string'],
    last: 'matches none of the alternatives of oneOf; alternative 25 is meant, going by /kind',
  },
  {
    name: 'a tag that none has',
    schema: { anyOf: payments },
    data: { kind: 'payd', amount: 12 },
    first: ['/kind', '; did you mean "paid"?'],
    last: 'matches none of the alternatives of anyOf',
  },
  {
    name: 'a tag of few values',
    schema: { oneOf: [others.a, others.b] },
    data: { kind: 'c' },
    first: ['/kind', 'must be one of "a", "b"'],
  },
  {
    name: 'no tag at all',
    schema: { oneOf: [others.a, others.b] },
    data: {},
    first: ['/kind', 'the field "kind" is missing; it must be one of "a", "b"'],
  },
  {
    name: 'a tag that is no text',
    schema: { oneOf: [tagged(1, 'x'), tagged(2, 'y', integer)] },
    data: { kind: 2, y: 'z' },
    first: ['/y', 'must be an integer'],
  },
  {
    name: 'a tag beyond the doubles',
    schema: {
      oneOf: [
        tagged(1, 'x'),
        { ...tagged(2, 'y', integer), properties: { kind: { enum: [2, 3] }, y: integer } },
      ],
    },
    data: { kind: 3, y: 'z' },
    first: ['/y', 'must be an integer'],
  },
  {
    name: 'a nested tag',
    schema: {
      oneOf: ['a', 'b'].map((kind) => ({
        properties: {
          meta: { properties: { kind: { enum: [kind, kind.toUpperCase()] } }, required: ['kind'] },
          [kind]: integer,
        },
        required: ['meta', kind],
      })),
    },
    data: { meta: { kind: 'B' }, b: 'x' },
    first: ['/b', 'must be an integer'],
    last: 'going by /meta/kind',
  },
  {
    name: 'the object of a nested tag is missing',
    schema: {
      oneOf: ['a', 'b'].map((kind) => ({
        properties: { meta: { properties: { kind: { const: kind } }, required: ['kind'] } },
        required: ['meta'],
      })),
    },
    data: {},
    first: ['/meta', 'the field "meta" is missing'],
  },
  {
    name: 'behind references and allOf',
    schema: {
      oneOf: [{ $ref: '#/definitions/a' }, { allOf: [{ $ref: '#/definitions/tag' }, { $ref: '#rest' }] }],
      definitions: {
        a: others.a,
        tag: { properties: { kind: { $ref: '#/definitions/word' } }, required: ['kind'] },
        word: { const: 'b' },
        rest: { $id: '#rest', properties: { y: integer }, required: ['y'] },
      },
    },
    data: { kind: 'b', y: 'x' },
    first: ['/y', 'must be an integer'],
  },
  {
    name: 'behind an address, with its name',
    schema: {
      $schema: draft2020,
      $id: 'https://a.example/all',
      oneOf: [{ $ref: 'a' }, { $ref: 'b' }],
      $defs: {
        a: { $id: 'a', ...others.a },
        b: { $id: 'b', title: 'B', ...others.b },
      },
    },
    data: { kind: 'b', y: 'x' },
    first: ['/y', 'must be an integer'],
    last: 'alternative 2 (b) is meant',
  },
  {
    name: 'the type chooses',
    schema: {
      oneOf: [{ type: 'string', format: 'date-time' }, { type: 'object', ...others.a }, { type: 'null' }],
    },
    data: '2026-01-31T12:00:00',
    first: ['', 'must have the format "date-time"'],
  },
  {
    name: 'a type that none takes',
    schema: { properties: { v: { anyOf: [string, { type: ['object', 'null'] }] } } },
    data: { v: 1 },
    first: ['/v', 'must be a string or an object or null, but is a number'],
  },
  {
    name: 'values alone',
    schema: { anyOf: [{ const: 'red' }, { enum: ['green', 'blue'] }] },
    data: 'gren',
    first: ['', 'must be one of "red", "green", "blue"; did you mean "green"?'],
  },
  {
    name: 'one within another',
    schema: { oneOf: [{ oneOf: [others.a, tagged('a2', 'x2')] }, { oneOf: [others.b, tagged('b2', 'y2')] }] },
    data: { kind: 'b2', y2: 1 },
    first: ['/y2', 'must be a string, but is a number'],
  },
  {
    name: 'a field of the one that is meant has an enum of its own',
    schema: {
      oneOf: [
        { ...tagged('a', 'x'), properties: { kind: { const: 'a' }, x: string, currency: { enum: ['EUR'] } } },
        {
          ...tagged('b', 'y'),
          properties: { kind: { const: 'b' }, y: string, currency: { enum: ['USD', 'GBP'] } },
        },
        { ...tagged('c', 'z'), properties: { kind: { const: 'c' }, z: string } },
      ],
    },
    data: { kind: 'b', y: '', currency: 'EUR' },
    first: ['/currency', 'must be one of "USD", "GBP"'],
  },
  {
    name: 'no tag: the one that most fields fit',
    schema: {
      oneOf: [
        {
          properties: { a: integer, b: integer, c: { type: 'integer', minimum: 5 } },
          required: ['a', 'b', 'c'],
        },
        { properties: { z: integer }, required: ['z'] },
      ],
    },
    data: { a: 1, b: 2, c: 3 },
    first: ['/c', 'must be >= 5'],
    last: 'alternative 1 fits best',
  },
  {
    name: 'no tag: as good as the other',
    schema: { anyOf: [{ required: ['email'] }, { required: ['phone'] }] },
    data: {},
    first: ['/email', 'is missing'],
    last: 'alternatives 1, 2 fit best',
  },
  {
    name: 'only some have the tag, and none of them is meant',
    schema: {
      oneOf: [
        { ...tagged('a', 'x'), additionalProperties: false },
        { ...tagged('b', 'y'), additionalProperties: false },
        {
          properties: { ref: string, size: integer },
          required: ['ref', 'size'],
          additionalProperties: false,
        },
      ],
    },
    data: { ref: 'main', size: 'x' },
    first: ['/size', 'must be an integer'],
  },
  {
    name: 'only some have the tag, and one of them is meant',
    schema: { oneOf: [others.a, others.b, { properties: { ref: string }, required: ['ref', 'size'] }] },
    data: { kind: 'c', y: 1 },
    first: ['/kind', 'must be one of "b", "a"'],
  },
  {
    name: 'more than one matches',
    schema: { oneOf: [integer, string, { minimum: 0 }] },
    data: 1,
    first: ['', 'matches more than one of the alternatives of oneOf: 1 and 3'],
  },
  {
    name: 'conditions',
    schema: {
      allOf: ['a', 'b'].map((kind) => ({
        if: { properties: { kind: { const: kind } }, required: ['kind'] },
        then: { properties: { [kind]: integer }, required: [kind] },
      })),
    },
    data: { kind: 'b', b: 'x' },
    first: ['/b', 'must be an integer'],
  },
  {
    name: 'a chain of conditions',
    schema: {
      if: { properties: { kind: { const: 'a' } } },
      then: { required: ['x'] },
      else: { if: { properties: { kind: { const: 'b' } } }, then: { required: ['y'] }, else: false },
    },
    data: { kind: 'c' },
    first: ['/kind', 'must be one of "a", "b"'],
  },
  {
    name: 'contains among alternatives',
    schema: {
      oneOf: [
        tagged('a', 'x', { type: 'array', contains: { const: 1 } }),
        tagged('b', 'y', { type: 'array' }),
      ],
    },
    data: { kind: 'a', x: [2, 3] },
    first: ['/x', 'must hold at least 1 item that matches {"const":1}'],
  },
  {
    name: 'contains, with limits',
    schema: {
      $schema: draft2020,
      contains: { description: 'an admin', const: 1 },
      minContains: 2,
      maxContains: 3,
    },
    data: [1],
    first: ['', 'must hold at least 2 and at most 3 items that match an admin'],
  },
  {
    name: 'not',
    schema: { properties: { a: { not: { enum: ['x'] } } } },
    data: { a: 'x' },
    first: ['/a', 'matches what must not match: {"enum":["x"]}'],
  },
]

t.test('the fault that matters is told first', (t) => {
  for (const { name, schema, data, first, last = '' } of cases) {
    const faults = compileSchema(schema)(data)
    t.equal(faults[0]?.pointer, first[0], name)
    t.ok(faults[0]?.detail.includes(first[1]), `${name}: ${faults[0]?.detail}`)
    t.ok(faults.at(-1)?.detail.includes(last), `${name}, at last: ${faults.at(-1)?.detail}`)
  }
  t.end()
})

t.test('numbers that are no doubles', (t) => {
  const big = (text: string) => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)
  const validate = compileSchema({
    oneOf: [tagged(big('9007199254740993'), 'x'), tagged(big('9007199254740995'), 'y', integer)],
  })
  t.match(validate({ kind: big('9007199254740995'), y: '' }), [
    { pointer: '/y', detail: 'must be an integer, but is a string' },
  ])
  t.match(validate({ kind: 1 }), [
    { pointer: '/kind', detail: 'must be one of 9007199254740993, 9007199254740995' },
  ])
  t.end()
})

t.test('many values are told in short', (t) => {
  const validate = compileSchema({ oneOf: Array.from({ length: 500 }, (_, i) => tagged(`value${i}`, 'x')) })
  const [fault] = validate({ kind: 'vlaue77', x: '' })
  t.match(fault, {
    pointer: '/kind',
    detail: /^must be one of "value0", .*, … \(500 values\); did you mean "value77"\?$/,
  })
  t.ok(fault !== undefined && fault.detail.length <= 400)
  t.end()
})

t.test('choosing has a bounded cost', (t) => {
  const times = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, i) => make(i))
  const names = times(300, (i) => `field${i}`)
  const wide = {
    properties: Object.fromEntries(names.map((name) => [name, { enum: ['a', 'b'] }])),
    required: names,
    additionalProperties: false,
  }
  const hostile: readonly [name: string, schema: object, data: unknown][] = [
    [
      'many alternatives with many tags',
      { oneOf: times(20, (i) => ({ ...tagged(`k${i}`, 'x'), ...(i % 2 === 0 && wide) })) },
      { kind: 'x' },
    ],
    [
      'one large definition in many alternatives',
      {
        oneOf: times(300, (i) => ({ $ref: '#/definitions/wide', properties: { kind: { const: i } } })),
        definitions: { wide },
      },
      Object.fromEntries(times(50_000, (i) => [`f${i}`, 1])),
    ],
    [
      'alternatives at each level',
      {
        $ref: '#/definitions/n',
        definitions: {
          n: {
            anyOf: times(2, (i) => ({
              properties: { n: { $ref: '#/definitions/n' }, i: { const: i } },
              required: ['n'],
            })),
          },
        },
      },
      times(10, (i) => i).reduce<unknown>((n) => ({ n }), {}),
    ],
    [
      'a long text as a tag',
      { oneOf: times(300, (i) => tagged(`k${i}`, 'x')) },
      { kind: 'k'.repeat(1_000_000) },
    ],
  ]
  for (const [name, schema, data] of hostile) {
    const validate = compileSchema(schema)
    const faults = validate(data)
    t.ok(faults.length > 0 && faults.length <= 20, name)
  }
  t.end()
})
