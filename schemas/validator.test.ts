import t from 'tap'
import { closest } from './closest.ts'
import { compileSchema, compileSchemaInUse, compileWithDefaults } from './validator.ts'

const draft2020 = 'https://json-schema.org/draft/2020-12/schema'
const draft07 = 'http://json-schema.org/draft-07/schema#'
const person = {
  type: 'object',
  properties: {
    firstName: { type: 'string' },
    lastName: { type: 'string', minLength: 2 },
    age: { type: 'integer', minimum: 0 },
    'a/b~c': { type: 'object', required: ['d'] },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2, uniqueItems: true },
  },
  required: ['firstName', 'lastName'],
  additionalProperties: false,
}
const named = { firstName: 'Ann', lastName: 'Lee' }
const nested = (depth: number, wrap: (inner: unknown) => unknown) => {
  let value: unknown = 0
  for (let level = 0; level < depth; level++) value = wrap(value)
  return value
}

t.test('data that matches gets the same frozen empty list each time', (t) => {
  const validate = compileSchema(person)
  const none = validate(named)
  t.same(none, [])
  t.ok(Object.isFrozen(none))
  t.equal(validate({ ...named, age: 3, tags: ['a'] }), none)
  t.end()
})

t.test('faults point at what is wrong, in either draft', (t) => {
  const cases: { name: string; data: unknown; pointer: string; says: RegExp }[] = [
    { name: 'missing', data: { firstName: 'Ann' }, pointer: '/lastName', says: /"lastName" is missing/ },
    {
      name: 'unknown',
      data: { ...named, agee: 1 },
      pointer: '/agee',
      says: /unknown field "agee"; did you mean "age"/,
    },
    {
      name: 'unlike any',
      data: { ...named, zzzzzz: 1 },
      pointer: '/zzzzzz',
      says: /unknown field "zzzzzz"$/,
    },
    { name: 'prototype name', data: { ...named, constructor: 1 }, pointer: '/constructor', says: /unknown/ },
    {
      name: 'proto',
      data: JSON.parse('{"firstName":"","lastName":"ab","__proto__":1}'),
      pointer: '/__proto__',
      says: /unknown/,
    },
    {
      name: 'type',
      data: { ...named, age: '3' },
      pointer: '/age',
      says: /must be an integer, but is a string/,
    },
    { name: 'null', data: { ...named, age: null }, pointer: '/age', says: /but is null/ },
    { name: 'list', data: [], pointer: '', says: /must be an object, but is an array/ },
    { name: 'no data', data: undefined, pointer: '', says: /must be an object/ },
    { name: 'limit', data: { ...named, age: -1 }, pointer: '/age', says: />= 0/ },
    {
      name: 'length',
      data: { ...named, lastName: 'x' },
      pointer: '/lastName',
      says: /at least 2 characters/,
    },
    {
      name: 'nested and escaped',
      data: { ...named, 'a/b~c': {} },
      pointer: '/a~1b~0c/d',
      says: /"d" is missing/,
    },
    { name: 'item', data: { ...named, tags: ['a', 'c'] }, pointer: '/tags/1', says: /one of "a", "b"/ },
    { name: 'items', data: { ...named, tags: ['a', 'b', 'a'] }, pointer: '/tags', says: /at most 2 items/ },
    {
      name: 'alike',
      data: { ...named, tags: ['a', 'a'] },
      pointer: '/tags',
      says: /items 0 and 1 are alike/,
    },
  ]
  for (const $schema of [draft07, draft2020, undefined]) {
    const validate = compileSchema({ ...($schema && { $schema }), ...person })
    for (const { name, data, pointer, says } of cases) {
      t.match(validate(data), [{ pointer, detail: says }], `${name}, ${$schema ?? 'no $schema'}`)
    }
  }
  t.end()
})

t.test('each keyword says what it wants', (t) => {
  const cases: { schema: object; data: unknown; pointer?: string; says: RegExp }[] = [
    { schema: { type: ['string', 'null'] }, data: 1, says: /a string or null, but is a number/ },
    { schema: { const: { a: 1 } }, data: 1, says: /must be \{"a":1\}/ },
    { schema: { multipleOf: 2 }, data: 3, says: /multiple of 2/ },
    { schema: { exclusiveMaximum: 2 }, data: 2, says: /< 2/ },
    { schema: { maxLength: 1 }, data: 'ab', says: /at most 1 characters/ },
    { schema: { pattern: '^a$', description: 'an a' }, data: 'b', says: /pattern \^a\$ \(an a\)/ },
    { schema: { minProperties: 1 }, data: {}, says: /at least 1 fields/ },
    { schema: { contains: { const: 1 } }, data: [2], says: /at least 1 item that matches/ },
    {
      schema: { propertyNames: { maxLength: 1 } },
      data: { ab: 1 },
      pointer: '/ab',
      says: /name of the field/,
    },
    {
      schema: { dependencies: { a: ['b'] } },
      data: { a: 1 },
      pointer: '/b',
      says: /"b" is missing, and "a" needs it/,
    },
    { schema: { items: [{}], additionalItems: false }, data: [1, 2], says: /at most 1 items/ },
    { schema: { oneOf: [{ type: 'number' }, { minimum: 0 }] }, data: 1, says: /more than one/ },
    { schema: { oneOf: [false] }, data: 1, says: /not allowed/ },
    { schema: { anyOf: [{ type: 'string' }] }, data: 1, says: /must be a string/ },
    { schema: { not: {} }, data: 1, says: /must not match/ },
    { schema: { if: {}, then: { required: ['a'] } }, data: {}, pointer: '/a', says: /missing/ },
    { schema: { properties: { a: false } }, data: { a: 1 }, pointer: '/a', says: /not allowed here/ },
    {
      schema: { $schema: draft2020, prefixItems: [{}], items: false },
      data: [1, 2],
      says: /at most 1 items/,
    },
    {
      schema: { $schema: draft2020, dependentRequired: { a: ['b'] } },
      data: { a: 1 },
      pointer: '/b',
      says: /needs it/,
    },
    {
      schema: { $schema: draft2020, unevaluatedProperties: false },
      data: { a: 1 },
      pointer: '/a',
      says: /unknown field/,
    },
    { schema: { $schema: draft2020, unevaluatedItems: false }, data: [1], says: /at most 0 items/ },
    { schema: { required: ['constructor'] }, data: {}, pointer: '/constructor', says: /missing/ },
    { schema: { required: ['__proto__'] }, data: {}, pointer: '/__proto__', says: /missing/ },
    { schema: { $ref: '#/definitions/a', definitions: { a: { type: 'string' } } }, data: 1, says: /string/ },
    {
      schema: { $ref: 'b.json', $id: 'http://a/', definitions: { b: { $id: 'b.json', type: 'string' } } },
      data: 1,
      says: /string/,
    },
  ]
  for (const { schema, data, pointer = '', says } of cases) {
    t.match(compileSchema(schema)(data)[0], { pointer, detail: says }, JSON.stringify(schema))
  }
  t.end()
})

t.test('formats are checked', (t) => {
  const cases = [
    { format: 'date-time', good: '2026-01-31T12:00:00Z', bad: '2026-02-31T12:00:00Z' },
    { format: 'date', good: '2026-01-31', bad: '31.1.2026' },
    { format: 'email', good: 'a@b.example', bad: 'a' },
    { format: 'uri', good: 'https://a.example/b', bad: '//a' },
    { format: 'uuid', good: '0f8fad5b-d9cb-469f-a165-70867728950e', bad: '0' },
    { format: 'ipv4', good: '10.0.0.1', bad: '10.0.0.256' },
  ]
  for (const $schema of [draft07, draft2020]) {
    for (const { format, good, bad } of cases) {
      const validate = compileSchema({ $schema, format })
      t.same(validate(good), [], format)
      t.match(validate(bad), [{ pointer: '', detail: `must have the format "${format}"` }])
    }
  }
  t.same(compileSchema({ format: 'iri' })('anything'), [], 'a format that nobody here knows is a note')
  t.end()
})

t.test('schemas that can not be used are refused with where and what', (t) => {
  const cases: { name: string; schema: unknown; says: RegExp }[] = [
    { name: 'no object', schema: 'string', says: /must be an object/ },
    { name: 'null', schema: null, says: /must be an object/ },
    {
      name: 'unknown type',
      schema: { properties: { age: { type: 'int' } } },
      says: /at \/properties\/age\/type: must be one of/,
    },
    {
      name: 'wrong keyword value',
      schema: { required: 'a' },
      says: /at \/required: must be an array, but is a string/,
    },
    {
      name: '2020-12 is checked too',
      schema: { $schema: draft2020, items: [{}] },
      says: /at \/items: must be/,
    },
    {
      name: 'draft-04',
      schema: { $schema: 'http://json-schema.org/draft-04/schema#' },
      says: /draft-07 .* or 2020-12/,
    },
    { name: 'no draft', schema: { $schema: 7 }, says: /draft 7 of \$schema/ },
    { name: 'misspelt', schema: { items: { requierd: [] } }, says: /at \/items\/requierd: .*"required"/ },
    {
      name: 'in other letters',
      schema: { properties: { a: { Type: 'string' } } },
      says: /at \/properties\/a\/Type: .*"type"/,
    },
    {
      name: 'another draft',
      schema: { definitions: { a: { prefixItems: [] } } },
      says: /prefixItems.* 2020-12.*\$schema/,
    },
    { name: 'async', schema: { $async: true }, says: /\/\$async/ },
    {
      name: 'look-ahead',
      schema: { properties: { a: { pattern: '^(?=a)' } } },
      says: /at \/properties\/a\/pattern: the pattern \^\(\?=a\).*look-around/,
    },
    {
      name: 'back-reference',
      schema: { patternProperties: { '(a)\\1': {} } },
      says: /patternProperties.*\(a\)\\1/,
    },
    { name: 'no regular expression', schema: { pattern: '(' }, says: /pattern/ },
    {
      name: 'remote',
      schema: { $ref: 'https://a.example/b.json' },
      says: /https:\/\/a.example\/b.json, which is another document/,
    },
    { name: 'a file', schema: { $ref: 'b.json#/definitions/c' }, says: /another document/ },
    {
      name: 'nothing there',
      schema: { $ref: '#/definitions/a' },
      says: /#\/definitions\/a, which is not in it/,
    },
    {
      name: 'very deep',
      schema: { not: nested(100_000, (not) => (not === 0 ? {} : { not })) },
      says: /nested too deeply/,
    },
  ]
  for (const { name, schema, says } of cases) {
    t.throws(() => compileSchema(schema), { code: 'SCHEMA_INVALID', message: says }, name)
  }
  t.end()
})

t.test('a schema in use serves on where a newer version would refuse it', (t) => {
  const string = { type: 'string' }
  const cases: { name: string; schema: object; good: unknown; bad: unknown }[] = [
    { name: 'misspelt', schema: { ...string, requierd: [] }, good: 'a', bad: 1 },
    { name: 'of another draft', schema: { ...string, prefixItems: [] }, good: 'a', bad: 1 },
    { name: 'listed twice', schema: { type: ['null', 'null'] }, good: null, bad: 1 },
    {
      name: '$dynamicRef',
      schema: {
        $schema: draft2020,
        $dynamicAnchor: 'node',
        type: 'object',
        properties: { next: { $dynamicRef: '#node' }, other: { $id: 'b', $dynamicAnchor: 'node' } },
      },
      good: { next: {} },
      bad: { next: 1 },
    },
    {
      name: '$ref beside $id',
      schema: {
        items: { $id: 'http://a.example/b', $ref: 'c' },
        definitions: { c: { $id: 'http://a.example/c', ...string } },
      },
      good: ['a'],
      bad: [1],
    },
    {
      name: '__proto__',
      schema: { ...string, properties: JSON.parse('{"__proto__":{"type":"string"}}') as object },
      good: 'a',
      bad: 1,
    },
    {
      name: 'unevaluated',
      schema: { $schema: draft2020, unevaluatedItems: false, contains: string },
      good: ['a'],
      bad: [1],
    },
  ]
  for (const { name, schema, good, bad } of cases) {
    t.throws(() => compileSchema(schema), { code: 'SCHEMA_INVALID' }, `${name}, refused anew`)
    const validate = compileSchemaInUse(schema)
    t.same(validate(good), [], name)
    t.ok(validate(bad).length > 0, `${name}, still checked`)
  }
  const harmful: { name: string; schema: unknown; says: RegExp }[] = [
    { name: 'no schema', schema: { type: 5 }, says: /at \/type/ },
    { name: 'look-ahead', schema: { pattern: '^(?=a)' }, says: /\(\?=/ },
    { name: 'never ends', schema: { $ref: '#' }, says: /never ends/ },
    { name: 'remote', schema: { $ref: 'https://a.example/b' }, says: /another document/ },
  ]
  for (const { name, schema, says } of harmful) {
    t.throws(() => compileSchemaInUse(schema), { code: 'SCHEMA_INVALID', message: says }, name)
  }
  t.end()
})

t.test('what others write into schemas is let be', (t) => {
  const schemas: unknown[] = [
    true,
    {},
    { $schema: 'https://json-schema.org/draft-07/schema' },
    { $schema: 'http://json-schema.org/draft-07/schema' },
    { $schema: 'http://json-schema.org/draft-06/schema#', id: 'http://a.example/b' },
    {
      $id: 'http://a.example/b',
      title: 'A',
      'x-order': 1,
      example: 1,
      comment: 'b',
      order: 2,
      form: 3,
      types: {},
    },
    { properties: { requierd: {}, Type: {}, pattern: {}, $async: {} } },
    { default: { requierd: 1 }, enum: [{ requierd: 1 }], examples: [{ pattern: '(' }] },
    { type: 'string', nullable: true },
  ]
  for (const schema of schemas) t.doesNotThrow(() => compileSchema(schema), JSON.stringify(schema))
  t.match(compileSchema(false)(1), [{ pointer: '', detail: /not allowed/ }])
  t.end()
})

t.test('hostile data', (t) => {
  t.test('a pattern takes linear time', (t) => {
    const validate = compileSchema({ pattern: '^(a+)+$' })
    const start = performance.now()
    t.equal(validate(`${'a'.repeat(50_000)}!`).length, 1)
    t.ok(performance.now() - start < 1000)
    t.end()
  })
  t.test('deep data is a fault', (t) => {
    const validate = compileSchema({
      $ref: '#/definitions/a',
      definitions: { a: { items: { $ref: '#/definitions/a' } } },
    })
    t.same(validate(nested(10, (inner) => [inner])), [])
    t.match(validate(nested(100_000, (inner) => [inner])), [{ pointer: '', detail: /too deeply/ }])
    t.end()
  })
  t.test('20 faults at most, the sum of them last', (t) => {
    const alternatives = Array.from({ length: 40 }, (_, index) => ({ pattern: `^a${index}` }))
    const faults = compileSchema({ anyOf: alternatives })('x')
    t.equal(faults.length, 20)
    t.match(faults.at(-1), { detail: /none of the alternatives/ })
    t.end()
  })
  t.test('data is left as it is', (t) => {
    const data = { a: '1', b: 2 }
    compileSchema({ properties: { a: { type: 'integer' }, c: { default: 3 } }, additionalProperties: false })(
      data,
    )
    t.same(data, { a: '1', b: 2 })
    t.end()
  })
  t.test('one $id in two schemas', (t) => {
    const $id = 'http://a.example/same'
    t.same(compileSchema({ $id, type: 'string' })('a'), [])
    t.same(compileSchema({ $id, type: 'number' })(1), [])
    t.end()
  })
  t.end()
})

t.test('a schema with defaults fills them in and tells every fault', (t) => {
  const item = { type: 'object', properties: { b: { type: 'integer', default: 1 } } }
  const validate = compileWithDefaults({
    properties: { a: { ...item, default: {} }, c: { type: 'array', items: item } },
  })
  const data = { c: [{}, { b: 2 }] }
  t.same(validate(data), [])
  t.same(data, { a: { b: 1 }, c: [{ b: 1 }, { b: 2 }] })
  t.equal(validate({ a: { b: 'x' }, c: [{ b: 'y' }, 1] }).length, 3)
  t.end()
})

t.test('the closest word', (t) => {
  const words = ['events', 'queue', 'maxAttempts', 'key']
  for (const [word, want] of [
    ['evnts', 'events'],
    ['Events', 'events'],
    ['quuee', 'queue'],
    ['maxAtempts', 'maxAttempts'],
    ['kye', 'key'],
    ['storage', undefined],
    ['', undefined],
  ] as const) {
    t.equal(closest(word, words), want, word)
  }
  t.end()
})
