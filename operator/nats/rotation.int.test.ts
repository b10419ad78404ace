import { join } from 'node:path'

import t from 'tap'

import { accountOf } from '../../functions/identity/issue.ts'
import { beginRotation, newKeys, switchKeys, type InstallationKeys } from '../../functions/identity/keys.ts'
import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { serversKnowNext } from './leader-nats.ts'

const HOSTS = ['127.0.21.1', '127.0.21.2', '127.0.21.3']
const PORT = 24_941
const URL = HOSTS.map((host) => `nats://${host}:${PORT}`).join(',')

t.test('servers of a cluster know a new key when the last of them was started with it', async (t) => {
  if (process.platform !== 'linux') return // others have no such addresses
  const folder = testFolder(t)
  const keys = newKeys(new Date())
  const begun = beginRotation(keys, new Date())
  const start = (at: number, by: InstallationKeys) =>
    startNatsServer({
      ...{ storeDir: join(folder, String(at)), environment: process.env, host: HOSTS[at] ?? '', port: PORT },
      cluster: { serverName: `n${at}`, hosts: HOSTS },
      identities: { keys: by, accounts: [], accountOf },
    })
  const servers = await Promise.all(HOSTS.map((_host, at) => start(at, keys)))
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  t.equal(await serversKnowNext(URL, keys), false, 'there is no new key')
  t.equal(await serversKnowNext(URL, begun), false)
  for (const at of [2, 1]) {
    await servers[at]?.stop()
    servers[at] = await start(at, begun)
    const [one] = [`nats://${HOSTS[at]}:${PORT}`]
    await eventually('this one knows it', () => serversKnowNext(one, begun))
    t.equal(
      await serversKnowNext(`nats://${HOSTS[0]}:${PORT}`, begun),
      false,
      'the others have only heard of it',
    )
    t.equal(await serversKnowNext(URL, begun), false)
  }
  await servers[0]?.stop()
  t.equal(await serversKnowNext(URL, begun), false, 'one that is away may not know it')
  servers[0] = await start(0, begun)
  await eventually('all know it', () => serversKnowNext(URL, begun))
  t.equal(await serversKnowNext(URL, switchKeys(begun, new Date())), false, 'nothing is left to find out')
})
