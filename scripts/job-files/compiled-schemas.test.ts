import t from 'tap'

import { compiledSchema } from './compiled-schemas.ts'

t.test('a schema is compiled once, however often it is read', (t) => {
  const text = '{"type":"string"}'
  const first = compiledSchema({ text, json: JSON.parse(text) })
  t.equal(compiledSchema({ text, json: JSON.parse(text) }), first)
  t.not(compiledSchema({ text: `${text} `, json: JSON.parse(text) }), first)
  t.same(first('text'), [])
  t.match(first(1), [{ pointer: '' }])
  t.end()
})

t.test('a bad schema is refused each time', (t) => {
  const bad = { text: '{"type":"text"}', json: { type: 'text' } }
  for (const time of [1, 2]) t.throws(() => compiledSchema(bad), { code: 'SCHEMA_INVALID' }, String(time))
  t.end()
})
