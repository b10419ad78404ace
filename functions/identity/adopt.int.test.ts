import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { runProgram } from '../../scripts/testing/program.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { connectNats } from '../jetstream/connection.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { readBacklog } from '../queues/backlog.ts'
import { accountOf, accountToken, credentials } from './issue.ts'
import { newKeys } from './keys.ts'
import { STORED_JOBS, storeWithoutIdentities } from './unidentified.fixture.ts'

/** Runs the process as the pod of a server does before the server starts. */
async function adopt(folder: string, store: string) {
  return await runProgram(process.execPath, [join(import.meta.dirname, 'adopt.ts')], {
    environment: { JOBICO_NATS_STORE: store, JOBICO_NATS_ID_FILE: join(folder, 'id') },
  })
}

t.test('events of an installation without identities survive', async (t) => {
  const folder = testFolder(t)
  const storeDir = join(folder, 'store')
  const environment = process.env
  const keys = newKeys(new Date())
  writeFileSync(join(folder, 'id'), keys.id)
  t.match(await adopt(folder, join(storeDir, 'jetstream')), { code: 0 }, 'there may be nothing yet')

  await storeWithoutIdentities(storeDir)

  for (const streams of [5, 0])
    t.match(await adopt(folder, join(storeDir, 'jetstream')), {
      code: 0,
      stdout: new RegExp(`"streams":${streams},`),
    })
  // As in a cluster, the accounts are made only when the server runs.
  const identities = { keys, accounts: [], accountOf }
  const after = await startNatsServer({ storeDir, environment, identities })
  t.teardown(() => after.stop())
  const connect = async (text: string) => {
    const connection = await connectNats({
      url: after.url,
      name: 'test',
      credentials: text,
      firstWithinMs: 5_000,
    })
    t.teardown(() => connection.close())
    return connection
  }
  const system = await connect(credentials(keys, 'system', 'operator'))
  for (const ref of STORED_JOBS) {
    await system.request('$SYS.REQ.CLAIMS.UPDATE', accountToken(keys, accountOf(ref.namespace)))
    const cli = await connect(credentials(keys, accountOf(ref.namespace), 'cli'))
    const backlog = await eventually('the streams are there', () => readBacklog(cli, ref))
    t.match(backlog, { pending: 1, dead: 1 }, ref.namespace)
    if (ref.namespace === 'shop')
      t.same(await (await openModuleStore(cli, 'shop')).read('a.wasm'), Buffer.from('module'))
  }
})

t.test('the server of a cluster is left as it is, and the fix is named', async (t) => {
  const folder = testFolder(t)
  writeFileSync(join(folder, 'id'), newKeys(new Date()).id)
  const store = join(folder, 'jetstream')
  mkdirSync(join(store, '$SYS', '_js_', '_meta_'), { recursive: true })
  mkdirSync(join(store, '$G', 'streams', 'JOBICO_shop_orders_QUEUE'), { recursive: true })
  const { code, stdout } = await adopt(folder, store)
  t.equal(code, 1)
  t.match(stdout, /belongs to a cluster of NATS servers without identities.*jobico backup and jobico restore/)
  t.same(readdirSync(join(store, '$G', 'streams')), ['JOBICO_shop_orders_QUEUE'])
  t.same(readdirSync(store).sort(), ['$G', '$SYS'])
})

t.test('what is missing is named', async (t) => {
  const folder = testFolder(t)
  t.match(await adopt(folder, join(folder, 'jetstream')), { code: 1, stdout: /ENOENT.*id/ })
})
