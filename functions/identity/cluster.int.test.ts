import { join } from 'node:path'

import type { NatsConnection } from '@nats-io/transport-node'
import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { connectNats } from '../jetstream/connection.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { eventSubjects } from '../queues/names.ts'
import { accountOf, accountToken, credentials, type AccountName, type Part } from './issue.ts'
import { newKeys } from './keys.ts'

const HOSTS = ['127.0.19.1', '127.0.19.2', '127.0.19.3']
const PORT = 24_871
const EARLY = accountOf('early')
const LATE = accountOf('late')
const QUEUE = { storage: 'File', maxBytes: 8 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 3 } as const

t.test('an account that is made while a server is down is known to it when it is back', async (t) => {
  if (process.platform !== 'linux') return // others have no such addresses
  const folder = testFolder(t)
  const keys = newKeys(new Date())
  const start = (at: number) =>
    startNatsServer({
      ...{ storeDir: join(folder, String(at)), environment: process.env, host: HOSTS[at] ?? '', port: PORT },
      cluster: { serverName: `n${at}`, hosts: HOSTS },
      identities: { keys, accounts: [EARLY], accountOf },
    })
  const servers = await Promise.all(HOSTS.map((_host, at) => start(at)))
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  const connect = async (at: number, account: AccountName, part: Part) => {
    const connection = await connectNats({
      ...{ url: `${HOSTS[at]}:${PORT}`, name: part, onlyGiven: true, firstWithinMs: 5_000 },
      credentials: credentials(keys, account, part),
    })
    t.teardown(() => connection.close())
    return connection
  }
  const makeStreams = (owner: NatsConnection, namespace: string) =>
    eventually('there are three copies of the streams', async () => {
      const ref = { namespace, job: 'orders' }
      await ensureQueues(owner, { ref, queue: QUEUE, events: ['ev1'], metadata: {} })
      return true
    })
  await makeStreams(await connect(0, EARLY, 'operator'), 'early')
  await servers[2]?.stop()
  const system = await connect(0, 'system', 'operator')
  await eventually('both servers know the account', async () => {
    const codes: number[] = []
    for await (const answer of await system.requestMany('$SYS.REQ.CLAIMS.UPDATE', accountToken(keys, LATE), {
      maxWait: 500,
    }))
      codes.push(answer.json<{ data: { code: number } }>().data.code)
    return codes.join() === '200,200'
  })
  await makeStreams(await connect(1, LATE, 'operator'), 'late')
  servers[2] = await start(2)
  const late = await eventually('it knows the account', () => connect(2, LATE, 'listener'))
  const subject = eventSubjects({ namespace: 'late', job: 'orders', event: 'ev1' }).queued('k')
  const stored = await eventually('it stores an event', async () =>
    (await late.request(subject, 'x', { timeout: 1_500 })).json<{ seq?: number }>(),
  )
  t.match(stored, { seq: 1 })
})
