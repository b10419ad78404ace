import t from 'tap'

import { accountOf } from '../../functions/identity/issue.ts'
import { startIdentityServer } from '../../functions/identity/server.fixture.ts'
import { createLog } from '../../functions/process/log.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import { liveJob } from '../job.fixture.ts'
import { createNatsLinks } from '../nats/links.ts'
import { createCache } from '../watch/cache.ts'
import type { LiveJob } from '../watch/cluster-state.ts'
import { sweepLeftQueues, sweepQueues, type Swept } from './sweeps.ts'

const NAMESPACES = ['bank', 'rival', 'shop']
const { server, keys, as } = await startIdentityServer(t, NAMESPACES)
const links = createNatsLinks({
  ...{ url: server.url, name: 'test', log: createLog('silent', {}) },
  access: { kind: 'accounts', keys: () => keys },
})
t.teardown(() => links.close())
for (const namespace of NAMESPACES)
  for (const job of ['gone', 'orders'])
    await ensureQueues(await as(accountOf(namespace), 'operator'), {
      ref: { namespace, job },
      queue: { storage: 'Memory', maxBytes: 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
      events: [],
      metadata: {},
    })

/** Two namespaces have a Job `orders`. */
const jobs = createCache<LiveJob>(() => undefined)
for (const namespace of ['rival', 'shop']) jobs.set(liveJob({ name: 'orders', namespace, events: ['a'] }))

const cases = [
  {
    name: 'in the namespaces that have Jobs',
    sweep: sweepQueues,
    served: undefined,
    stored: [],
    want: ['rival/gone', 'shop/gone'],
  },
  {
    name: 'in all that have messages',
    sweep: sweepLeftQueues,
    served: undefined,
    stored: NAMESPACES,
    want: ['bank/gone', 'bank/orders', 'rival/gone', 'shop/gone'],
  },
  {
    name: 'in those that are served',
    sweep: sweepLeftQueues,
    served: ['shop'],
    stored: NAMESPACES,
    want: ['shop/gone'],
  },
  {
    name: 'after one that has no account',
    sweep: sweepLeftQueues,
    served: undefined,
    stored: ['nowhere', 'bank'],
    want: ['bank/gone', 'bank/orders'],
    fault: { code: 'QUEUE_UNAVAILABLE' },
  },
]
for (const { name, sweep, served, stored, want, fault } of cases)
  t.test(`queues of Jobs that are gone are found ${name}`, async (t) => {
    const found: string[] = []
    const swept: Swept = {
      nats: { open: links.open, apart: links.apart, withMessages: () => Promise.resolve(stored) },
      cluster: { jobs },
      queue: { add: (key) => void found.push(key) },
      namespaces: served,
    }
    if (fault === undefined) await sweep(swept)
    else await t.rejects(sweep(swept), fault)
    t.same(found.sort(), want)
  })
