import { fileURLToPath } from 'node:url'

import t from 'tap'

import { timed } from '../case.fixture.ts'
import { startFlow } from '../flow.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'
import { openNats, resultOf } from '../nats.fixture.ts'
import { event, job, modules, MODULE } from '../objects.fixture.ts'
import { operatorRolledOut } from '../operator.fixture.ts'
import { mustRun } from '../../testing/program.ts'

const RESTART = fileURLToPath(new URL('../../cluster/restart', import.meta.url))

t.test('the API server is started anew', async (t) => {
  const lasting = await startResilientJob(t, 'api')
  const { c, name, url } = lasting
  const nats = await openNats(t, c.namespace)
  await lasting.works(t, nats, 'it works before')
  const flow = startFlow(url, (n) => ({ n }))
  await mustRun(RESTART, ['kube-apiserver'])
  await timed('from the return of the API server to a new Job Ready', async () => {
    await c.apply(job('fresh', [event('fresh')]))
    await c.ready('fresh', { withinMs: 300_000 })
  })
  await c.apply(await modules({ [MODULE]: 'v1' }))
  await c.ready(name)
  const flowed = await flow.stop()
  t.same(flowed.refused, [], 'every event was answered with 202 meanwhile')
  const verdicts = await nats.ended({ namespace: c.namespace, job: name, event: 'lasting' }, flowed.accepted)
  t.same(
    verdicts.map((verdict) => (resultOf(verdict) as { version: string }).version),
    flowed.accepted.map(() => 'v1'),
    'and done',
  )
  await operatorRolledOut()
  await lasting.works(t, nats, 'it works after')
})
