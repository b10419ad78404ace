import t from 'tap'

import { digestOf } from '../../functions/modules/digest.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import { fromWat, handle, RUNTIME } from '../../functions/guests/test-modules.ts'
import { createLog } from '../../functions/process/log.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import '../../scripts/testing/as-started.fixture.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { startNatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { createChecks } from '../checks/checks.ts'
import { liveJob } from '../job.fixture.ts'
import { createCache } from '../watch/cache.ts'
import type { LiveJob } from '../watch/cluster-state.ts'
import { createModules } from './modules.ts'

t.test('a module of several namespaces is stored in each, in whatever turn they ask', async (t) => {
  const { connection } = await startNatsFixture(t)
  const checks = createChecks(createLog('silent', {}), () => undefined)
  t.teardown(() => checks.close())
  const modules = createModules({
    kube: { get: () => Promise.resolve(undefined) },
    cluster: {
      jobs: createCache<LiveJob>(() => undefined),
      configMaps: createCache<KubeObject>(() => undefined),
    },
    nats: { open: () => Promise.resolve(connection) },
    checks,
    reach: () => ({}),
    replicas: 1,
  })
  const bytes = fromWat(RUNTIME, handle('(i32.const 0)'))
  const digest = digestOf(bytes)
  const namespaces = ['bank', 'rival', 'shop']
  const stores = await Promise.all(
    namespaces.map((namespace) => openModuleStore(connection, namespace, { create: { replicas: 1 } })),
  )
  for (const store of stores) await store.put('a.wasm', bytes)
  const ask = async (namespace: string) => {
    const job = liveJob({ name: 'orders', namespace, events: ['a'] })
    const [event] = job.spec.events
    return event && (await modules.resolve(job, event, undefined)).serves
  }
  const servedBy = async () => {
    const served: (string | undefined)[] = []
    for (const namespace of namespaces) served.push((await ask(namespace))?.digest)
    return served
  }
  const everywhere = namespaces.map(() => digest)
  const allServe = async () => (await servedBy()).every((served) => served === digest)
  const patience = { withinMs: 60_000, everyMs: 10 }
  await eventually('all of them serve it', allServe, patience)
  t.same(await servedBy(), everywhere)
  for (const store of stores) t.match(await store.find(digest), { digest })

  await stores[1]?.remove(digest)
  await eventually('what is lost is stored again', allServe, patience)
  t.match(await stores[1]?.find(digest), { digest })
})
