import { randomBytes } from 'node:crypto'

import { Objm } from '@nats-io/obj'
import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { digestOf } from './digest.ts'
import { connectNats } from '../jetstream/connection.ts'
import { moduleBucket, openModuleStore } from './module-store.ts'
import { MiB, startNatsFixture, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

let nats: NatsFixture
let namespaces = 0
t.before(async () => (nats = await startNatsFixture(t)))

const newNamespace = () => `ns-${++namespaces}`
const newStore = (namespace = newNamespace()) => openModuleStore(nats.connection, namespace, { create: {} })
const bytesOf = (text: string) => new TextEncoder().encode(text)

t.test('a store that was never made is an empty one', async (t) => {
  const store = await openModuleStore(nats.connection, newNamespace())
  t.equal(await store.find('echo.wasm'), undefined)
  t.equal(await store.read('echo.wasm'), undefined)
  t.same(await store.list(), [])
  await store.remove('echo.wasm')
  await store.markUnused('echo.wasm', '2026-01-01T00:00:00Z')
  await t.rejects(store.put('echo.wasm', bytesOf('x')), { code: 'STREAM_REFUSED', message: /not found/ })
})

t.test('modules are stored by the names of their files', async (t) => {
  const store = await newStore()
  const bytes = bytesOf('one')
  const { sent, ...put } = await store.put('echo.wasm', bytes)
  t.ok(sent)
  t.match(put, { name: 'echo.wasm', digest: digestOf(bytes), size: 3, unusedSince: undefined })
  t.match(put.modified, /^\d{4}-.*Z$/)
  t.same(await store.find('echo.wasm'), put)
  t.same(await store.read('echo.wasm'), bytes)
  t.same(await store.put('echo.wasm', bytes), { ...put, sent: false }, 'the same bytes are not sent again')
  const two = await store.put('echo.wasm', bytesOf('two'))
  t.not(two.version, put.version)
  t.same(await store.read('echo.wasm'), bytesOf('two'))
  await store.put('a_b-1.2.wasm', bytesOf(''))
  t.same(await store.read('a_b-1.2.wasm'), new Uint8Array())
  t.same(
    (await store.list()).map(({ name }) => name),
    ['a_b-1.2.wasm', 'echo.wasm'],
  )
  await store.remove('echo.wasm')
  await store.remove('echo.wasm')
  t.equal(await store.find('echo.wasm'), undefined)
  t.equal(await store.read('echo.wasm'), undefined)
  t.same(
    (await store.list()).map(({ name }) => name),
    ['a_b-1.2.wasm'],
  )
  await store.put('echo.wasm', bytes)
  t.same(await store.read('echo.wasm'), bytes, 'and can come back')
})

t.test('a module of many chunks', async (t) => {
  const store = await newStore()
  for (const size of [MiB / 8, 5 * MiB + 1, 64 * MiB]) {
    const bytes = randomBytes(size)
    const told: number[] = []
    const { digest } = await store.put('big.wasm', bytes, (stored) => told.push(stored))
    t.equal(digest, digestOf(bytes))
    t.equal(digestOf((await store.read('big.wasm')) ?? ''), digest)
    t.equal(told.length, Math.ceil(size / (MiB / 8)), 'each chunk is told')
    t.equal(told.at(-1), size)
    t.same(
      told.toSorted((a, b) => a - b),
      told,
    )
  }
  const objects = await new Objm(nats.connection).open(moduleBucket(`ns-${namespaces}`))
  t.equal((await objects.getBlob('big.wasm'))?.length, 64 * MiB, 'other clients read it, too')
})

t.test('modules are stored by their digests, and held against them', async (t) => {
  const namespace = newNamespace()
  const store = await newStore(namespace)
  const bytes = bytesOf('served')
  const digest = digestOf(bytes)
  const first = await store.put(digest, bytes)
  t.same(await store.put(digest, bytes), { ...first, sent: false }, 'put once')
  await t.rejects(store.put(digest, bytesOf('else')), {
    code: 'MODULE_INVALID',
    message: /is not the digest/,
  })

  const chunks = `$O.${moduleBucket(namespace)}.C.${first.version}`
  await nats.manager.streams.purge(`OBJ_${moduleBucket(namespace)}`, { filter: chunks })
  await t.rejects(
    store.read(digest),
    { code: 'MODULE_INVALID', message: /was changed; push it again/ },
    'not whole',
  )
  t.not((await store.put(digest, bytes)).version, first.version, 'what is not whole is put again')
  t.same(await store.read(digest), bytes)

  const objects = await new Objm(nats.connection).open(moduleBucket(namespace))
  await objects.putBlob({ name: digest }, bytesOf('forged'))
  await t.rejects(store.read(digest), { code: 'MODULE_INVALID' }, 'forged')
})

t.test('names that no Job can have are refused', async (t) => {
  const store = await newStore()
  for (const name of ['', '.wasm', '-x.wasm', 'a/b.wasm', 'a b.wasm', 'é.wasm', 'x\n', 'x'.repeat(254)])
    await t.rejects(
      store.put(name, bytesOf('x')),
      { code: 'MODULE_INVALID', message: /at most 253 letters, digits/ },
      JSON.stringify(name),
    )
  await store.put('x'.repeat(253), bytesOf('x'))
})

t.test('since when a module is not used', async (t) => {
  const store = await newStore()
  const bytes = bytesOf('old')
  const digest = digestOf(bytes)
  const { sent, ...put } = await store.put(digest, bytes)
  t.ok(sent)
  const since = '2026-01-01T00:00:00.000Z'
  await store.markUnused(digest, since)
  t.same(await store.find(digest), { ...put, unusedSince: since })
  t.same(await store.read(digest), bytes)
  t.same(await store.list(), [{ ...put, unusedSince: since }])
  t.same(await store.put(digest, bytes), { ...put, unusedSince: since, sent: false })
  await store.markUnused(digest, undefined)
  t.same(await store.find(digest), put)
  await store.remove(digest)
  await store.markUnused(digest, since)
  t.equal(await store.find(digest), undefined)
})

t.test('a module that is put anew while it is read', async (t) => {
  const store = await newStore()
  const versions = ['a', 'b', 'c', 'd'].map((letter) => bytesOf(letter.repeat(MiB / 4)))
  await store.put('hot.wasm', versions[0] ?? bytesOf(''))
  const over = new AbortController()
  const writing = (async () => {
    for (let round = 0; round < 3; round++) for (const bytes of versions) await store.put('hot.wasm', bytes)
    over.abort()
  })()
  const digests = new Set(versions.map(digestOf))
  while (!over.signal.aborted) {
    const bytes = await store.read('hot.wasm')
    t.ok(bytes !== undefined && digests.has(digestOf(bytes)), 'one or the other, whole')
  }
  await writing
})

t.test('a store is made as it is wanted', async (t) => {
  const { connection, manager } = nats
  const namespace = newNamespace()
  await newStore(namespace)
  const stream = `OBJ_${moduleBucket(namespace)}`
  t.match((await manager.streams.info(stream)).config, { storage: 'file', num_replicas: 1 })
  await openModuleStore(connection, namespace, { create: { replicas: 1 } })
  await t.rejects(openModuleStore(connection, namespace, { create: { replicas: 3 } }), {
    code: 'STREAM_REFUSED',
    message: /kept in 3 copies/,
  })
  await t.rejects(openModuleStore(connection, newNamespace(), { create: { replicas: 3 } }), {
    code: 'STREAM_REFUSED',
  })
})

t.test('nobody waits for a NATS that is gone', async (t) => {
  const other = await startNatsServer({ storeDir: testFolder(t) })
  const link = await connectNats({ url: other.url, name: 'test' })
  t.teardown(() => link.close())
  const store = await openModuleStore(link, 'gone', { create: {} })
  await store.put('x.wasm', bytesOf('x'))
  await other.stop()
  const steps: readonly Promise<unknown>[] = [
    store.find('x.wasm'),
    store.read('x.wasm'),
    store.put('x.wasm', bytesOf('y')),
    store.list(),
    store.remove('x.wasm'),
    openModuleStore(link, 'gone', { create: {} }),
  ]
  await Promise.all(
    steps.map((step) =>
      t.rejects(
        step.then(() => undefined),
        { code: 'QUEUE_UNAVAILABLE' },
      ),
    ),
  )
})
