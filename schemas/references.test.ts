import t from 'tap'

import { compileSchema } from './validator.ts'

const draft2020 = 'https://json-schema.org/draft/2020-12/schema'

t.test('what ajv alone would not take', (t) => {
  const tree = compileSchema({
    $schema: draft2020,
    $ref: '#/$defs/list',
    $defs: {
      list: { properties: { items: { items: { $dynamicRef: '#node' } } } },
      node: { $dynamicAnchor: 'node', type: 'string' },
    },
  })
  t.same(tree({ items: ['a'] }), [], '$dynamicRef with one target is $ref')
  t.match(tree({ items: [1] }), [{ pointer: '/items/0', detail: /must be a string/ }])
  const embedded = compileSchema({
    properties: { schema: { $ref: 'http://json-schema.org/draft-07/schema#' } },
    definitions: { meta: { $id: 'http://json-schema.org/draft-07/schema', type: ['object', 'boolean'] } },
  })
  t.match(embedded({ schema: 1 }), [{ pointer: '/schema', detail: /must be an object or a boolean/ }])
  const brought = compileSchema({
    properties: { schema: { $ref: 'http://json-schema.org/draft-07/schema#' } },
  })
  t.match(brought({ schema: { minLength: -1 } }), [{ pointer: '/schema/minLength', detail: />= 0/ }])
  t.end()
})

t.test('what would be judged in another way than it says is refused', (t) => {
  const cases: { name: string; schema: object; says: RegExp }[] = [
    {
      name: 'conditions in draft-06',
      schema: { $schema: 'http://json-schema.org/draft-06/schema#', items: { if: true, then: false } },
      says: /at \/items\/if: "if" is a keyword of draft-07, and this is draft-06/,
    },
    {
      name: '$dynamicRef to one of two',
      schema: {
        $schema: draft2020,
        items: { $dynamicRef: '#a' },
        $defs: { a: { $dynamicAnchor: 'a' }, b: { $id: 'b', $dynamicAnchor: 'a' } },
      },
      says: /at \/items\/\$dynamicRef: .* may lead to several schemas/,
    },
    {
      name: '$dynamicRef to none',
      schema: { $schema: draft2020, items: { $dynamicRef: '#/$defs/a' }, $defs: { a: {} } },
      says: /\$dynamicRef/,
    },
    {
      name: 'by addresses, without end',
      schema: {
        $id: 'http://a.example/',
        $ref: 'b',
        definitions: { b: { $id: 'b', $ref: 'http://a.example/' } },
      },
      says: /never ends/,
    },
    {
      name: 'by anchors, without end',
      schema: { $schema: draft2020, $ref: '#a', $defs: { a: { $anchor: 'a', anyOf: [{ $ref: '#a' }] } } },
      says: /never ends/,
    },
  ]
  for (const { name, schema, says } of cases) {
    t.throws(() => compileSchema(schema), { code: 'SCHEMA_INVALID', message: says }, name)
  }
  t.end()
})
