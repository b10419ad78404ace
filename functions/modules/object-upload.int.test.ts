import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'

import t, { type Test } from 'tap'

import { startProxy, type ProxiedMessage } from '../../scripts/faults/system/proxy.fixture.ts'
import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { digestOf } from './digest.ts'
import { connectNats } from '../jetstream/connection.ts'
import { subjectsIn } from '../jetstream/manager.ts'
import { moduleBucket, openModuleStore } from './module-store.ts'
import { MiB, startNatsFixture, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

const CHUNK = MiB / 8
const IN_FLIGHT = 8
const HOUR_MS = 3_600_000
const FIRST = randomBytes(3 * CHUNK)

let nats: NatsFixture
let namespaces = 0
t.before(async () => (nats = await startNatsFixture(t)))

/** A store that has a module, and how many objects its chunks are of. */
async function newStore(url = nats.server.url) {
  const namespace = `upload-${++namespaces}`
  const link = await connectNats({ url, name: 'test' })
  t.teardown(() => link.close())
  const store = await openModuleStore(link, namespace, { create: {} })
  await store.put('x.wasm', FIRST)
  const bucket = moduleBucket(namespace)
  const objects = async () => (await subjectsIn(nats.manager, `OBJ_${bucket}`, `$O.${bucket}.C.*`))?.size
  return { namespace, store, objects }
}

/** A store that is reached through a proxy. */
async function newProxied(t: Test) {
  const proxy = await startProxy(nats.server.url)
  t.teardown(() => {
    proxy.close()
  })
  return { proxy, ...(await newStore(proxy.url)) }
}

const isChunk = ({ from, subject }: ProxiedMessage) => from === 'client' && subject.includes('.C.')
const isMeta = ({ from, subject }: ProxiedMessage) => from === 'client' && subject.includes('.M.')
const isAck = ({ from, payload }: ProxiedMessage) =>
  from === 'server' && payload.includes('"stream":"OBJ_') && payload.includes('"seq":')

t.test('several chunks are under way, and no more than that', async (t) => {
  const { proxy, store } = await newProxied(t)
  let underWay = 0
  let most = 0
  proxy.judge((passing) => {
    if (isChunk(passing)) most = Math.max(most, ++underWay)
    if (isAck(passing)) underWay--
    return 'pass'
  })
  await store.put('x.wasm', randomBytes(8 * MiB))
  t.equal(most, IN_FLIGHT)
})

t.test('puts of one name beside each other: one of them, whole, and nothing is left over', async (t) => {
  const { namespace, store, objects } = await newStore()
  for (let round = 0; round < 5; round++) {
    const versions = Array.from({ length: 4 }, (_, index) => randomBytes((1 + index) * CHUNK))
    await Promise.all(
      versions.map(async (bytes, index) => {
        const link = await connectNats({ url: nats.server.url, name: `test ${index}` })
        await (await openModuleStore(link, namespace)).put('x.wasm', bytes)
        await link.close()
      }),
    )
    const found = await store.read('x.wasm')
    t.ok(versions.some((bytes) => found !== undefined && bytes.equals(found)))
    t.equal(await objects(), 1)
  }
})

t.test('a process that is killed while it puts', async (t) => {
  const { proxy, namespace, store, objects } = await newProxied(t)
  const program = `
    const { connectNats } = await import(${JSON.stringify(new URL('../jetstream/connection.ts', import.meta.url))})
    const { openModuleStore } = await import(${JSON.stringify(new URL('module-store.ts', import.meta.url))})
    const link = await connectNats({ url: ${JSON.stringify(proxy.url)}, name: 'killed' })
    await (await openModuleStore(link, ${JSON.stringify(namespace)})).put('x.wasm', new Uint8Array(${64 * MiB}))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
  const exited = once(child, 'exit')
  let chunks = 0
  proxy.judge((passing) => {
    if (isChunk(passing) && ++chunks === 20) child.kill('SIGKILL')
    return 'pass'
  })
  t.same(await exited, [null, 'SIGKILL'])
  t.same(await store.read('x.wasm'), FIRST, 'what was there is there')
  t.equal(await objects(), 2)
  await store.removeLeftovers(new Date(Date.now() - HOUR_MS))
  t.equal(await objects(), 2, 'it may be under way')
  await store.removeLeftovers(new Date(Date.now() + HOUR_MS))
  t.equal(await objects(), 1)
  t.same(await store.read('x.wasm'), FIRST)
  await store.put('x.wasm', randomBytes(CHUNK))
  t.equal(await objects(), 1)
})

t.test('a NATS that goes away while a module is put', async (t) => {
  const storeDir = testFolder(t)
  const before = await startNatsServer({ storeDir })
  const { port } = before
  const link = await connectNats({ url: before.url, name: 'test' })
  t.teardown(() => link.close())
  const store = await openModuleStore(link, 'gone', { create: {} })
  await store.put('x.wasm', FIRST)
  const putting = store.put('x.wasm', randomBytes(64 * MiB), (sent) => {
    if (sent === 20 * CHUNK) process.kill(before.pid, 'SIGKILL')
  })
  await t.rejects(putting, { code: 'QUEUE_UNAVAILABLE', message: /NATS gave no answer/ })
  const after = await startNatsServer({ storeDir, port })
  t.teardown(() => after.stop())
  const again = await connectNats({ url: after.url, name: 'test' })
  t.teardown(() => again.close())
  t.same(await (await openModuleStore(again, 'gone')).read('x.wasm'), FIRST)
})

t.test('an answer that is lost: the module may be there, so nothing of it is removed', async (t) => {
  const { proxy, store, objects } = await newProxied(t)
  const bytes = randomBytes(2 * CHUNK)
  let isPointed = false
  proxy.judge((passing) => {
    isPointed ||= isMeta(passing)
    return isPointed && isAck(passing) ? 'drop' : 'pass'
  })
  await t.rejects(store.put('x.wasm', bytes), { code: 'QUEUE_UNAVAILABLE' })
  t.equal(digestOf((await store.read('x.wasm')) ?? ''), digestOf(bytes))
  t.equal(await objects(), 2)
  t.match(await store.put('x.wasm', bytes), { sent: false })
})

t.test('no room: the figures, the fix, and what was there stays', async (t) => {
  const server = await startNatsServer({ storeDir: testFolder(t), maxFileStore: '8MB' })
  const link = await connectNats({ url: server.url, name: 'test' })
  t.teardown(async () => {
    await link.close()
    await server.stop()
  })
  const store = await openModuleStore(link, 'full', { create: {} })
  await store.put('x.wasm', FIRST)
  await t.rejects(store.put('x.wasm', randomBytes(16 * MiB)), {
    code: 'STREAM_REFUSED',
    message:
      /no room for the module x\.wasm \(insufficient resources\): it has 16Mi, and the account has .* 38\d(\.\d)?Ki in use, .*; remove modules and Jobs/,
    members: { wanted: 16 * MiB },
  })
  t.same(await store.read('x.wasm'), FIRST)
  await store.put('x.wasm', randomBytes(4 * MiB))
})
