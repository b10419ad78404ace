import t from 'tap'

import { compileSchema } from './validator.ts'

const draft2020 = 'https://json-schema.org/draft/2020-12/schema'

t.test('unevaluatedProperties with conditions is taken where it judges rightly', (t) => {
  const isCard = { properties: { kind: { const: 'card' } }, required: ['kind'] }
  const card = { properties: { number: { type: 'string' } }, required: ['number'] }
  const properties = { kind: { type: 'string' } }
  const cash = { properties: { coins: true } }
  const both = (one: object, other: object) => ({
    if: isCard,
    then: { properties: { ...properties, ...one } },
    else: { properties: { ...properties, ...other } },
  })
  const good = [{ kind: 'card', number: '1' }, { kind: 'cash' }]
  const bad = [{ kind: 'card' }, { kind: 'cash', number: '1' }, { kind: 'card', number: '1', more: 1 }]
  const taken: { name: string; schema: object; good: unknown[]; bad: unknown[] }[] = [
    { name: 'properties beside', schema: { properties, if: isCard, then: card }, good, bad },
    { name: 'within allOf', schema: { properties, allOf: [{ if: isCard, then: card }] }, good, bad },
    {
      name: 'with else',
      schema: { properties, if: isCard, then: card, else: cash },
      good: [...good, { kind: 'cash', coins: 1 }],
      bad: [...bad, { kind: 'card', number: '1', coins: 1 }],
    },
    {
      name: 'in both branches',
      schema: both({ number: true }, { coins: true }),
      good: [...good, { kind: 'cash', coins: 1 }, { kind: 'card' }],
      bad: [
        { kind: 'card', coins: 1 },
        { kind: 'cash', number: '1' },
      ],
    },
    {
      name: 'if that only wants a field',
      schema: { properties, if: { required: ['kind'] }, then: card },
      good: [{}, { kind: 'a', number: '1' }],
      bad: [{ kind: 'a' }, { number: '1' }],
    },
    {
      name: 'dependentSchemas of its own',
      schema: { properties, allOf: [{ dependentSchemas: { kind: card } }] },
      good: [{}, { kind: 'a', number: '1' }],
      bad: [{ kind: 'a' }, { number: '1' }],
    },
  ]
  const head = { $schema: draft2020, unevaluatedProperties: false }
  for (const { name, schema, good, bad } of taken) {
    const validate = compileSchema({ ...head, ...schema })
    for (const data of good) t.same(validate(data), [], `${name}: ${JSON.stringify(data)}`)
    for (const data of bad) t.ok(validate(data).length > 0, `${name}: ${JSON.stringify(data)}`)
  }
  const refused: { name: string; schema: object; says: RegExp }[] = [
    { name: 'only if', schema: { if: isCard, then: card }, says: /"kind", which "if" looks at, also into/ },
    { name: 'one branch', schema: { if: isCard, then: { properties } }, says: /"kind", which "if"/ },
    {
      name: 'by a reference',
      schema: { if: { $ref: '#/$defs/a' }, then: card, $defs: { a: isCard } },
      says: /"kind", which "if"/,
    },
    {
      name: 'beside allOf',
      schema: { allOf: [{ properties }], properties, if: isCard, then: card },
      says: /"if" in a schema of its own within "allOf"/,
    },
    { name: 'in an alternative', schema: { properties, anyOf: [{ if: isCard, then: card }] }, says: /own/ },
    {
      name: 'patterns beside',
      schema: { properties, patternProperties: { '^x': true }, if: isCard, then: card },
      says: /names of fields with "properties"/,
    },
    {
      name: 'dependentSchemas',
      schema: { properties, dependentSchemas: { kind: card } },
      says: /"dependentSchemas" in a schema of its own within "allOf"/,
    },
  ]
  for (const { name, schema, says } of refused) {
    t.throws(() => compileSchema({ ...head, ...schema }), { code: 'SCHEMA_INVALID', message: says }, name)
  }
  t.end()
})
