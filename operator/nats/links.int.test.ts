import t, { type Test } from 'tap'

import { accountOf } from '../../functions/identity/issue.ts'
import { startIdentityServer } from '../../functions/identity/server.fixture.ts'
import { createLog } from '../../functions/process/log.ts'
import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { createNatsLinks, type LinksOptions } from './links.ts'

const IDLE_MS = 60

function linksOf(t: Test, options: Pick<LinksOptions, 'url' | 'access'>) {
  const links = createNatsLinks({ ...options, name: 'test', log: createLog('silent', {}), idleMs: IDLE_MS })
  t.teardown(() => links.close())
  return links
}

t.test('each namespace has a connection to its account, as long as it is needed', async (t) => {
  const { server, keys } = await startIdentityServer(t, ['shop', 'rival'])
  const links = linksOf(t, { url: server.url, access: { kind: 'accounts', keys: () => keys } })
  const needed = new Set(['shop', 'rival'])
  const ups: (string | undefined)[] = []
  const unfollow = links.follow({
    needs: (namespace) => needed.has(namespace),
    onUp: (_connection, namespace) => ups.push(namespace),
  })
  t.same([...links.apart(needed)], ['shop', 'rival'])
  t.equal(links.count(), 0, 'nothing is connected before it is used')
  const shop = await links.open('shop')
  const rival = await links.open('rival')
  t.not(shop, rival)
  t.equal(links.use('shop'), shop)
  t.same(ups, ['shop', 'rival'])
  const heard: string[] = []
  rival.subscribe('news', { callback: (_fault, message) => void heard.push(message.string()) })
  await rival.flush()
  shop.publish('news', 'of the shop')
  await shop.flush()
  rival.publish('news', 'of the rival')
  await rival.flush()
  t.same(heard, ['of the rival'], 'they are in accounts of their own')

  needed.delete('rival')
  await eventually('the connection of the namespace whose last Job has gone is closed', () =>
    Promise.resolve(rival.isClosed()),
  )
  t.notOk(shop.isClosed())
  const again = await links.open('rival')
  t.not(again, rival)
  t.notOk(again.isClosed(), 'it is made again when somebody needs it')
  needed.add('rival')
  const late: (string | undefined)[] = []
  links.follow({ needs: () => false, onUp: (_connection, namespace) => late.push(namespace) })
  t.same(late.sort(), ['rival', 'shop'], 'who comes late is told of what is up')
  unfollow()
  await eventually('nobody needs any', () => Promise.resolve(links.count() === 0))
})

t.test('an account that nobody has made is no connection, and no other one', async (t) => {
  const { server, keys } = await startIdentityServer(t, ['shop'])
  const links = linksOf(t, { url: server.url, access: { kind: 'accounts', keys: () => keys } })
  links.follow({ needs: () => true, onUp: () => undefined })
  await t.rejects(links.open('nowhere'), { code: 'QUEUE_UNAVAILABLE' })
  t.throws(() => links.use('nowhere'), { code: 'QUEUE_UNAVAILABLE' })
  t.ok(await links.open('shop'))
  t.equal(accountOf('nowhere'), 'namespace/nowhere')
})

t.test('without accounts, all namespaces share one connection', async (t) => {
  const server = await startNatsServer({ storeDir: testFolder(t), environment: process.env })
  t.teardown(() => server.stop())
  const links = linksOf(t, { url: server.url, access: { kind: 'shared', credsFile: undefined } })
  t.equal(await links.open('shop'), await links.open('rival'))
  t.equal(links.apart(['shop', 'rival']).size, 1)
  t.equal(links.count(), 1)
})
