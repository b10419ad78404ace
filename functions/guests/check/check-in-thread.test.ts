import t from 'tap'
import { checkModuleInThread } from './check-in-thread.ts'
import { checkModule } from './check.ts'
import { RUNTIME, fromWat, handle } from '../test-modules.ts'

const options = { name: 'a.wasm', memoryBytes: 64 * 2 ** 20 }
const large = (body: string) => fromWat(RUNTIME, handle(body), `(data "${'x'.repeat(300_000)}")`)

t.test('a large module is checked as a small one is', async (t) => {
  const small = fromWat(RUNTIME, handle('i32.const 64'))
  t.same(await checkModuleInThread(small, options), checkModule(small, options))
  const good = large('i32.const 64')
  t.same(await checkModuleInThread(good, options), checkModule(good, options))
  t.ok(good.length > 300_000, 'the bytes that were given are still there')
  const read = Buffer.from(good)
  await checkModuleInThread(read, options)
  t.same(read, Buffer.from(good), 'those of a Buffer as well')
  for (const body of ['i64.const 64', '(local i32) (return_call 0 (local.get 0) (local.get 0))']) {
    const bad = large(body)
    const fault = { code: 'MODULE_INVALID', members: { module: 'a.wasm' } }
    const here = t.throws(() => checkModule(bad, options), fault)
    const there = await t.rejects(checkModuleInThread(bad, options), fault)
    t.equal((there as Error).message, (here as Error).message)
  }
})

t.test('a check that comes to no answer says nothing about the module', async (t) => {
  await t.rejects(checkModuleInThread(large('i32.const 64'), { ...options, limitMs: 1 }), {
    code: 'MODULE_UNCHECKED',
    message:
      'a.wasm was not checked within 0.001 s: try it again when there is less to do, or make it smaller',
  })
  t.match(await checkModuleInThread(large('i32.const 64'), options), { abi: 'assemblyscript' })
})

t.test('bytes that are handed over are not copied', async (t) => {
  const given = large('i32.const 64')
  const expected = checkModule(given.slice(), options)
  t.same(await checkModuleInThread(given, { ...options, handOver: true }), expected)
  t.equal(given.length, 0)
})

t.test('many at a time are checked one after the other', async (t) => {
  const good = large('i32.const 64')
  const all = await Promise.all([1, 2, 3].map(() => checkModuleInThread(good, options)))
  t.equal(new Set(all.map(({ digest }) => digest)).size, 1)
})
