import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { Counter, Registry } from 'prom-client'
import t from 'tap'

import { HEALTH } from './health.ts'
import { serveMetrics } from './metrics-server.ts'

t.test('metrics and, where asked for, the health of the process', async (t) => {
  const registry = new Registry()
  new Counter({ name: 'jobico_tests_total', help: 'Tests.', registers: [registry] }).inc()
  const health = { ready: false }
  const [plain, told] = [await serveMetrics(registry, 0), await serveMetrics(registry, 0, () => health.ready)]
  t.teardown(async () => {
    for (const server of [plain, told]) await once(server.close(), 'close')
  })
  const get = (server: typeof plain, path: string) =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
      headers: { connection: 'close' },
    })
  const statuses = async (server: typeof plain) =>
    Promise.all(
      ['/metrics', HEALTH.live, HEALTH.ready, '/'].map(async (path) => (await get(server, path)).status),
    )

  t.match(await (await get(told, '/metrics')).text(), 'jobico_tests_total 1')
  t.same(await statuses(plain), [200, 404, 404, 404])
  t.same(await statuses(told), [200, 200, 503, 404])
  health.ready = true
  t.same(await statuses(told), [200, 200, 200, 404])
})
