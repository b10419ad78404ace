import t from 'tap'

import { createSchemaCheck } from './schema-check.ts'

const check = createSchemaCheck()
const cases = [
  {
    name: 'a valid schema',
    text: '{"type":"object","properties":{"n":{"type":"integer"}}}',
    want: undefined,
  },
  { name: 'no JSON', text: '{"type":', want: /^it is not JSON: / },
  { name: 'a key twice', text: '{"type":"object","type":"array"}', want: /^it is not JSON: .*type/ },
  { name: 'no schema', text: '{"type":"objekt"}', want: /not valid at \/type/ },
  {
    name: 'a reference to elsewhere',
    text: '{"$ref":"https://example.com/x"}',
    want: /https:\/\/example\.com\/x/,
  },
]
for (const { name, text, want } of cases)
  t.test(name, async (t) => {
    const fault = await check(text)
    if (want === undefined) t.equal(fault, undefined)
    else t.match(fault, want)
  })

t.test('a schema that takes too long is given up, with the fix', async (t) => {
  await t.rejects(createSchemaCheck(1)('{}'), {
    message: /took longer than 0\.001 s to compile; make the schema smaller/,
  })
})
