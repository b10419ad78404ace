import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { accountOf, accountToken, credentials } from '../../functions/identity/issue.ts'
import { newKeys } from '../../functions/identity/keys.ts'
import { serverConfig } from '../../functions/identity/server-config.ts'
import { connectNats } from '../../functions/jetstream/connection.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import { findNatsServer } from '../../scripts/nats-server/find.ts'
import { GUARD } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

const BASE = join(import.meta.dirname, 'base')
const HOSTS = ['127.0.20.1', '127.0.20.2', '127.0.20.3']
const STRANGER = '127.0.20.4'
const [CLIENT, ROUTE, MONITORING] = [24_922, 24_923, 24_924]
const PASSWORD = `c${'0123456789ab'.repeat(4)}`

/** Starts a server with the files of the installation. On one machine it needs an address, other ports and folders. */
async function startServer(
  t: Test,
  host: string,
  { place, identities, password }: { place: string; identities: string; password: string },
) {
  const folder = join(place, host)
  mkdirSync(join(folder, 'accounts'), { recursive: true })
  const file = (name: string) => readFileSync(join(BASE, name), 'utf8')
  const config = file('nats.conf')
    .replace('port: 4222', `listen: "${host}:${CLIENT}"`)
    .replace('http_port: 8222', `http: "${host}:${MONITORING}"`)
    .replace('/run/nats/nats.pid', join(folder, 'nats.pid'))
    .replace('store_dir: /data', `store_dir: ${JSON.stringify(folder)}`)
  writeFileSync(join(folder, 'nats.conf'), config)
  writeFileSync(
    join(folder, 'cluster.conf'),
    file('cluster.conf').replace('port: 6222', `listen: "${host}:${ROUTE}"`),
  )
  writeFileSync(
    join(folder, 'identities.conf'),
    identities.replace('/data/accounts', join(folder, 'accounts')),
  )
  const program = await findNatsServer({ environment: process.env, progress: () => undefined })
  const routes = HOSTS.map((each, at) => [`ROUTE_${at}`, `nats-route://jobico:${password}@${each}:${ROUTE}`])
  const child = spawn('/bin/sh', ['-c', GUARD, 'nats-server', program, '-c', join(folder, 'nats.conf')], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {
      ...{ PATH: process.env['PATH'], POD_NAME: host, SYNC_INTERVAL: '10s', CLUSTER_PASSWORD: password },
      ...(Object.fromEntries(routes) as Record<string, string>),
    },
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return { log: () => log }
}

t.test(
  'the servers of the installation are one cluster, and let in nobody without credentials',
  async (t) => {
    if (process.platform !== 'linux') return // others have no such addresses
    const keys = newKeys(new Date())
    const identities = serverConfig(keys, '/data/accounts')
    const place = testFolder(t)
    for (const host of HOSTS) await startServer(t, host, { place, identities, password: PASSWORD })
    const connect = async (host: string, text?: string) => {
      const connection = await connectNats({
        ...{ url: `${host}:${CLIENT}`, name: 'test', onlyGiven: true, firstWithinMs: 5_000 },
        ...(text === undefined ? {} : { credentials: text }),
      })
      t.teardown(() => connection.close())
      return connection
    }
    const system = await eventually('a server is there', () =>
      connect(HOSTS[0] ?? '', credentials(keys, 'system', 'operator')),
    )
    const serversNow = async () => {
      const names: string[] = []
      const answers = await system.requestMany('$SYS.REQ.SERVER.PING', '', {
        strategy: 'timer',
        maxWait: 500,
      })
      for await (const answer of answers) names.push(answer.json<{ server: { name: string } }>().server.name)
      return names.sort()
    }
    await eventually('they have found each other', async () => (await serversNow()).join() === HOSTS.join())
    await system.request('$SYS.REQ.CLAIMS.UPDATE', accountToken(keys, accountOf('shop')))
    const shop = await connect(HOSTS[1] ?? '', credentials(keys, accountOf('shop'), 'operator'))
    await eventually('there are three copies of the streams', async () => {
      await ensureQueues(shop, {
        ref: { namespace: 'shop', job: 'orders' },
        queue: { storage: 'File', maxBytes: 8 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 3 },
        events: ['ev1'],
        metadata: {},
      })
      return true
    })
    await t.rejects(connect(HOSTS[2] ?? ''), { message: /Authorization Violation/ })

    // A route is in all accounts: whoever forwards this port of a server must not get in by it.
    const stranger = await startServer(t, STRANGER, { place, identities: '', password: 'wrong' })
    await eventually('a server without the password is refused', () =>
      Promise.resolve(/authorization|authentication/i.test(stranger.log())),
    )
    t.same(await serversNow(), HOSTS)
  },
)
