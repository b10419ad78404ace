import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

import type { Outcome } from '../../functions/guests/abi.ts'
import { compileAssemblyScript, sdkDir } from '../../scripts/assemblyscript.ts'
import { loadGuest } from '../load-guest.ts'

const readme = readFileSync(join(sdkDir(), 'README.md'), 'utf8')
const modules = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, source = '']) => source)

/** What each example of the README makes of an event, in their order. */
const runs: readonly {
  readonly data: unknown
  readonly want: Partial<Outcome> | { readonly data: RegExp }
}[][] = [
  [
    { data: { firstName: 'Ada' }, want: { kind: 'ok', data: '{"greeting":"Hello, Ada!"}' } },
    { data: { firstName: '' }, want: { kind: 'reject', reason: 'firstName is empty' } },
  ],
  [{ data: 1, want: { kind: 'ok', data: '{"id":"1","about":"/test","partition":"p"}' } }],
  [
    {
      data: { 'order-id': 'a', items: [{ sku: 'TEA', quantity: 2 }], extra: [1] },
      want: {
        kind: 'ok',
        data: '{"order-id":"a","items":[{"sku":"TEA","quantity":2},{"sku":"GIFT","quantity":1}],"extra":[1]}',
      },
    },
    { data: { 'order-id': 'a', items: [{}] }, want: { kind: 'reject', reason: '/items/0/sku is missing' } },
    {
      data: { 'order-id': 'a', items: [{ sku: 'x', quantity: '2' }] },
      want: {
        kind: 'reject',
        reason: '/items/0/quantity should be an integer from -2147483648 to 2147483647, but is a string',
      },
    },
  ],
  [
    {
      data: { items: [{ sku: 'a' }, { sku: 'b' }] },
      want: { kind: 'ok', data: '{"discount":0,"skus":["a","b"]}' },
    },
  ],
  [
    { data: { state: 'paid', price: '12.34' }, want: { kind: 'ok', data: '{"cents":1234}' } },
    {
      data: { state: 'unpaid', price: '1.00' },
      want: { kind: 'retry', reason: 'it is not paid yet', afterMs: 60_000 },
    },
    { data: { state: 'paid', price: 'much' }, want: { kind: 'reject', reason: 'much is no price' } },
  ],
  [
    {
      data: { items: [{ sku: 'a' }] },
      want: {
        kind: 'ok',
        data: undefined,
        emitted: [
          { event: 'item', data: '{"sku":"a"}' },
          { event: 'audit', data: '{"items":1}' },
        ],
      },
    },
  ],
  [{ data: 1, want: { data: /^\{"region":"eu","year":20\d\d\}$/ } }],
]

t.test('each example of the README compiles, and does what it says', async (t) => {
  t.equal(modules.length, runs.length)
  for (const [index, source] of modules.entries()) {
    const entry = join(t.testdir({}), 'index.ts')
    const out = join(entry, '../x.wasm')
    writeFileSync(entry, source)
    const { diagnostics } = await compileAssemblyScript({ entry, out, optimize: false })
    t.equal(diagnostics, '')
    const { execute } = loadGuest(out, [['REGION', 'eu']], ['item', 'audit'])
    const head = { specversion: '1.0', id: '1', source: '/test', type: 'test', partitionkey: 'p' }
    for (const { data, want } of runs[index] ?? [])
      t.match(execute(JSON.stringify({ ...head, data })), want, `${index}`)
  }
})
