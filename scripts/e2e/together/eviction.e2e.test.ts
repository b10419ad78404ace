import t from 'tap'

import { startCase, type Case, type PodObject } from '../case.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { kubectl } from '../kube.fixture.ts'
import { countVerdicts, openNats, resultOf, verdictCounts } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const EVENTS = 5
const SPIN_MS = 4_000

/** Evicts a pod as `kubectl drain` does, without closing the only node to new ones. */
async function evict({ namespace }: Case, { metadata: { name } }: PodObject): Promise<void> {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
  const { code, stderr } = await kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction))
  if (code !== 0) throw new Error(stderr)
}

async function crash({ kubectl: run }: Case, { metadata: { name } }: PodObject): Promise<void> {
  await run('delete', 'pod', name, '--grace-period=0', '--force')
}

const ways = [
  { name: 'is drained from its node', slug: 'evict', end: evict },
  { name: 'is gone from one moment to the next', slug: 'crash', end: crash },
]

t.jobs = 2

for (const { name, slug, end } of ways) {
  t.test(`a runner ${name} during executions`, { buffered: true }, async (t) => {
    const c = await startCase(t, slug)
    const nats = await openNats(t, c.namespace)
    const ref = { namespace: c.namespace, job: 'long', event: 'ev1' }
    const runner = { concurrency: 2, maxReplicas: 1, cooldownSeconds: 30 }
    await c.apply(
      await modules({ [MODULE]: 'v1' }),
      schema(),
      job('long', [event('ev1', { runner, timeoutSeconds: 15 })]),
    )
    await c.ready('long')
    await countVerdicts(t, nats, ref)
    const url = await c.url('long', 'ev1')
    const keys: string[] = []
    for (let n = 0; n < EVENTS; n++) keys.push(await accepted(url, { n, spinMs: SPIN_MS }))
    const running = await eventually('an execution has begun', async () => {
      const [pod] = await c.pods('runner', 'ev1')
      if (pod === undefined) return undefined
      return /Running /.test(await c.kubectl('logs', pod.metadata.name)) && pod
    })
    await end(c, running)
    const replaced = await eventually('another runner takes its place', async () =>
      (await c.pods('runner', 'ev1')).some(({ metadata }) => metadata.uid !== running.metadata.uid),
    )
    t.ok(replaced, 'another runner takes its place')
    const verdicts = await nats.ended(ref, keys, { withinMs: 300_000 })
    t.same(
      verdicts.map(resultOf),
      keys.map((_, n) => ({ version: 'v1', n })),
      'every event was done',
    )
    t.same(await verdictCounts(nats, ref), { written: EVENTS, held: EVENTS }, 'with one verdict each')
  })
}
