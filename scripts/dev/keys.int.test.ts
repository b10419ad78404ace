import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { STORED_JOBS, storeWithoutIdentities } from '../../functions/identity/unidentified.fixture.ts'
import { connectNats } from '../../functions/jetstream/connection.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import { readBacklog } from '../../functions/queues/backlog.ts'
import { startNatsServer } from '../nats-server/start.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { startEchoHere } from './dev.fixture.ts'
import { devAccess, devAccount, devKeys } from './keys.ts'

t.test('the secret is in the cache folder of the user, for him alone', (t) => {
  const cache = testFolder(t)
  const storeDir = join(cache, 'store')
  const place = { storeDir, environment: { XDG_CACHE_HOME: join(cache, 'c') } }
  const file = join(cache, 'c', 'jobico', 'nats-key')
  const keys = devKeys(place)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(cache, 'c', 'jobico')).mode & 0o777, 0o700)
  t.notOk(readFileSync(join(storeDir, 'installation-id'), 'utf8').includes(keys.current.secret))
  t.same(devKeys(place), keys, 'it is always the same')
  const other = devKeys({ ...place, storeDir: join(cache, 'another') })
  t.same(
    [other.current, other.id === keys.id],
    [keys.current, false],
    'each project has an account of its own',
  )
  rmSync(file)
  const anew = devKeys(place)
  t.same([anew.id, anew.current.secret === keys.current.secret], [keys.id, false], 'it is made anew')

  rmSync(file)
  writeFileSync(file, 'short', { mode: 0o600 })
  t.throws(() => devKeys(place), { message: /nats-key is no key of Jobico; remove it/ })
  t.end()
})

t.test('a stranger on this machine is not let into the NATS of jobico dev', async (t) => {
  const folder = testFolder(t)
  const { dev } = await startEchoHere(t, folder)
  const url = dev.instance().natsUrl
  await t.rejects(connectNats({ url, name: 'stranger', firstWithinMs: 5_000 }), {
    message: /Authorization Violation/,
  })
})

t.test('what a server without identities has stored is found by one with them', async (t) => {
  const folder = testFolder(t)
  const storeDir = join(folder, 'store')
  const environment = process.env
  await storeWithoutIdentities(storeDir)

  const place = { storeDir, environment: { XDG_CACHE_HOME: folder } }
  const identities = { keys: devKeys(place), accounts: [devAccount()], accountOf: devAccount }
  for (const start of ['first', 'second']) {
    const after = await startNatsServer({ storeDir, environment, identities })
    const connection = await connectNats({ ...devAccess(after.url, place, 'operator'), name: 'test' })
    for (const ref of STORED_JOBS)
      t.match(await readBacklog(connection, ref), { pending: 1, dead: 1 }, `${start} start: ${ref.job}`)
    const found = await (await openModuleStore(connection, 'shop')).read('a.wasm')
    t.equal(Buffer.from(found ?? []).toString(), 'module')
    await connection.close()
    await after.stop()
  }
})
