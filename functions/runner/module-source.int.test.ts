import { join } from 'node:path'

import t from 'tap'

import { digestOf } from '../modules/digest.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { startNatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { readModule } from './module-source.ts'

t.test('a module is read from a path, or from the store by its digest', async (t) => {
  const { connection } = await startNatsFixture(t)
  const bytes = new TextEncoder().encode('a module')
  const digest = digestOf(bytes)
  await t.rejects(readModule(connection, 'ns', digest), {
    code: 'MODULE_INVALID',
    message: `${digest} is not in the module store of ns`,
  })
  const store = await openModuleStore(connection, 'ns', { create: {} })
  await store.put(digest, bytes)
  t.same(await readModule(connection, 'ns', digest), { name: digest, bytes })
  await t.rejects(readModule(connection, 'other', digest), { code: 'MODULE_INVALID' }, 'namespaces are apart')
  const { name } = await readModule(connection, 'ns', import.meta.filename)
  t.equal(name, 'module-source.int.test.ts')
  await t.rejects(readModule(connection, 'ns', join(import.meta.dirname, 'none.wasm')), {
    code: 'MODULE_INVALID',
    message: /none\.wasm can not be read/,
  })
})
