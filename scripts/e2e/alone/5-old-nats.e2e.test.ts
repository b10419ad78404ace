import { spawn } from 'node:child_process'
import { once } from 'node:events'

import t from 'tap'

import { caseConfig } from '../config.ts'
import { kubectl, mustKubectl, nodeAddress, SYSTEM } from '../kube.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { event, job } from '../objects.fixture.ts'
import { OPERATOR, operatorRolledOut } from '../operator.fixture.ts'

const PORT = 4333

t.test('NATS is too old', async (t) => {
  const lasting = await startResilientJob(t, 'old-nats')
  const { c } = lasting
  const server = spawn(
    caseConfig().oldNats,
    ['--addr', '0.0.0.0', '--port', String(PORT), '--jetstream', '--store_dir', t.testdir({})],
    { stdio: 'ignore' },
  )
  t.teardown(() => server.kill())
  await once(server, 'spawn')

  const variable = `{.spec.template.spec.containers[0].env[?(@.name=="NATS_URL")].value}`
  const rightUrl = await mustKubectl([
    ...['get', 'deployment', OPERATOR, '-n', SYSTEM],
    ...['-o', `jsonpath=${variable}`],
  ])
  const setUrl = (url: string) => ['set', 'env', `deployment/${OPERATOR}`, '-n', SYSTEM, `NATS_URL=${url}`]
  t.teardown(() => kubectl(setUrl(rightUrl)))
  await mustKubectl(setUrl(`nats://${await nodeAddress()}:${PORT}`))
  await operatorRolledOut()
  await c.apply(job('fresh', [event('fresh')]))
  await c.condition('fresh', {
    type: 'QueueReady',
    status: 'False',
    reason: 'NatsTooOld',
    message: /nats-server 2\.\d+\.\d+ is too old: Jobico needs 2\.15\.\d+ or later; upgrade/,
  })
  await c.condition('fresh', { type: 'Ready', status: 'False', reason: 'NatsTooOld' })

  await mustKubectl(setUrl(rightUrl))
  await operatorRolledOut()
  await c.ready('fresh')
  await c.ready(lasting.name)
  await lasting.works(t, await openNats(t, c.namespace), 'it works with the right one')
})
