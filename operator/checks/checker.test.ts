import t from 'tap'

import { fromWat, handle, RUNTIME } from '../../functions/guests/test-modules.ts'
import '../../scripts/testing/as-started.fixture.ts'
import { createChecker } from './checker.ts'
import type { CheckRequest } from './check-request.ts'

const SCHEMA = { kind: 'schema' } as const
const MODULE = { kind: 'module', name: 'a.wasm', memoryBytes: 64 * 2 ** 20 } as const
const wasm = (pages = 1) =>
  pages === 1 ? fromWat(RUNTIME, handle('(i32.const 0)')) : new Uint8Array(pages * 65_536)

/** Valid, and small, but its patterns take more memory or time than a check has. */
const costly = JSON.stringify({
  allOf: Array.from({ length: 900 }, (_each, index) => ({
    pattern: `^(${'a|b'.repeat(3)}){1,900}[xyz]{1,${index + 1}}$`,
  })),
})

interface Case {
  readonly name: string
  readonly request: CheckRequest
  readonly bytes: string | Uint8Array
  readonly want: object
}
const cases: readonly Case[] = [
  {
    name: 'a valid schema',
    request: SCHEMA,
    bytes: '{"type":"object","properties":{"n":{"type":"integer"}}}',
    want: { emits: false },
  },
  { name: 'no JSON', request: SCHEMA, bytes: '{"type":', want: { fault: /^it is not JSON: / } },
  { name: 'nothing', request: SCHEMA, bytes: '', want: { fault: /^it is not JSON: / } },
  {
    name: 'a key twice',
    request: SCHEMA,
    bytes: '{"type":"object","type":"array"}',
    want: { fault: /^it is not JSON: .*type/ },
  },
  { name: 'no schema', request: SCHEMA, bytes: '{"type":"objekt"}', want: { fault: /not valid at \/type/ } },
  {
    name: 'a reference to elsewhere',
    request: SCHEMA,
    bytes: '{"$ref":"https://example.com/x"}',
    want: { fault: /https:\/\/example\.com\/x/ },
  },
  {
    name: 'text of 1 MB that is no schema',
    request: SCHEMA,
    bytes: 'x'.repeat(1_000_000),
    want: { fault: /^it is not JSON: .{1,2000}$/s },
  },
  {
    name: 'a schema that takes too much',
    request: SCHEMA,
    bytes: costly,
    want: { failed: /^(late|memory)$/ },
  },
  { name: 'a valid module', request: MODULE, bytes: wasm(), want: { emits: false } },
  {
    name: 'no module',
    request: MODULE,
    bytes: 'console.log(1)',
    want: { fault: /a\.wasm is no WebAssembly/ },
  },
  {
    name: 'a large module',
    request: MODULE,
    bytes: wasm(100),
    want: { fault: /a\.wasm is no WebAssembly/ },
  },
]
const checker = createChecker()
t.teardown(() => checker.close())
for (const { name, request, bytes, want } of cases)
  t.test(name, { timeout: 60_000 }, async (t) => {
    t.match(await checker.check('shop', request, Buffer.from(bytes)), want)
  })

t.test('what goes over its time is given up, and the next one is checked', async (t) => {
  const hurried = createChecker({ deadlineMs: 1 })
  t.teardown(() => hurried.close())
  t.match(await hurried.check('shop', SCHEMA, Buffer.from('{}')), { failed: 'late' })
  t.same(await checker.check('shop', SCHEMA, Buffer.from('{}')), { emits: false })
})
