import t, { type Test } from 'tap'

import { KINDS } from '../../../knative/kube/kinds.ts'
import { startCase, type Case } from '../case.fixture.ts'
import { childNames, childrenFor } from '../children.fixture.ts'
import { always, eventually } from '../../testing/eventually.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { openNats, resultOf, type Nats } from '../nats.fixture.ts'
import { event, job, modules, schema } from '../objects.fixture.ts'

const OLD = { wasm: 'old.wasm' }
const NEW = { wasm: 'new.wasm' }

/** Sends an event, and gives the version of the code that ran it. */
async function versionOf(c: Case, nats: Nats, name: string, jobName: string): Promise<unknown> {
  const key = await accepted(await c.url(jobName, name), { n: 1 })
  const [verdict] = await nats.ended({ namespace: c.namespace, job: jobName, event: name }, [key])
  return (resultOf(verdict) as { version: string }).version
}

async function start(t: Test, slug: string): Promise<{ readonly c: Case; readonly nats: Nats }> {
  const c = await startCase(t, slug)
  await c.apply(await modules({ 'old.wasm': 'v1', 'new.wasm': 'v2' }), schema())
  return { c, nats: await openNats(t, c.namespace) }
}

t.jobs = 2

t.test('two Jobs claim one event', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'claims')
  await c.apply(job('older', [event('x', OLD)]), job('elder', [event('z', OLD)]))
  await Promise.all([c.ready('older'), c.ready('elder')])
  await c.apply(job('newer', [event('x', NEW), event('y', NEW)]))
  await c.condition('newer', {
    type: 'ListenersReady',
    status: 'False',
    reason: 'EventTaken',
    message: /\bolder\b/,
  })
  await c.condition('newer', { type: 'Ready', status: 'False', reason: 'EventTaken' })
  await eventually(
    'the newer Job serves what it has',
    async () => (await c.job('newer')).status?.eventsReady === '1/2',
  )
  t.match((await c.job('newer')).status, {
    events: [
      { name: 'x', ready: false, reason: 'EventTaken' },
      { name: 'y', ready: true, reason: 'Ready' },
    ],
  })
  t.equal(await versionOf(c, nats, 'x', 'older'), 'v1', 'the older keeps it')
  t.equal(await versionOf(c, nats, 'y', 'newer'), 'v2')

  await c.apply(job('elder', [event('z', OLD), event('y', OLD)]))
  await c.condition('elder', {
    type: 'ListenersReady',
    status: 'False',
    reason: 'EventTaken',
    message: /\bnewer\b/,
  })
  await always('the newer Job keeps the event that an older one wants', async () => {
    return (await c.get(KINDS.knativeService, 'listener-y'))?.metadata.ownerReferences?.[0]?.name === 'newer'
  })
  t.equal(await versionOf(c, nats, 'y', 'newer'), 'v2', 'who serves an event keeps it')
  t.equal(await versionOf(c, nats, 'z', 'elder'), 'v1', 'and the older serves its others')

  await c.kubectl('delete', 'jobs.jobico.coeux.dev', 'older', '--wait=false')
  await c.ready('newer')
  t.equal(await versionOf(c, nats, 'x', 'newer'), 'v2', 'the newer takes over when the older goes')
})

t.test('a Service that is not ours', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'foreign')
  const foreign = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: 'listener-q' },
    spec: { template: { spec: { containers: [{ image: 'dev.local/nobody:1' }] } } },
  }
  await c.apply(foreign)
  const before = await c.get(KINDS.knativeService, 'listener-q')
  await c.apply(job('late', [event('q', NEW), event('r', NEW)]))
  await c.condition('late', {
    type: 'ListenersReady',
    status: 'False',
    reason: 'NameTaken',
    message: /listener-q/,
  })
  await eventually(
    'the other event is served',
    async () => (await c.job('late')).status?.eventsReady === '1/2',
  )
  t.equal(await versionOf(c, nats, 'r', 'late'), 'v2')
  const after = await c.get(KINDS.knativeService, 'listener-q')
  t.same(
    { ...after?.metadata, resourceVersion: '', managedFields: [] },
    { ...before?.metadata, resourceVersion: '', managedFields: [] },
    'it is left alone',
  )
  await c.kubectl('delete', 'services.serving.knative.dev', 'listener-q')
  await c.ready('late')
  t.equal(await versionOf(c, nats, 'q', 'late'), 'v2', 'without it the event is served')
  t.same(await childNames(c, 'late'), childrenFor('q', 'r'))
})
