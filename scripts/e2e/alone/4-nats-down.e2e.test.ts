import t from 'tap'

import { timed } from '../case.fixture.ts'
import { childNames } from '../children.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted, binaryEvent, jsonOf, send } from '../http.fixture.ts'
import { kubectl, mustKubectl, SYSTEM } from '../kube.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { event, job } from '../objects.fixture.ts'
import { operatorRestarts } from '../operator.fixture.ts'

/** What the issue allows for the deletion of a Job while NATS is down. */
const DELETION = '--timeout=60s'

async function scaleNats(replicas: number): Promise<void> {
  await mustKubectl(['scale', 'statefulset/nats', '-n', SYSTEM, `--replicas=${replicas}`])
  await mustKubectl(['rollout', 'status', 'statefulset/nats', '-n', SYSTEM, '--timeout=180s'])
}

t.test('NATS is down', async (t) => {
  const lasting = await startResilientJob(t, 'nats')
  const { c, name, url } = lasting
  const ref = { namespace: c.namespace, job: name, event: 'lasting' }
  const gone = { namespace: c.namespace, job: 'goner' }
  await c.apply(job('goner', [event('goner')]))
  await c.ready('goner')
  const before = await openNats(t, c.namespace)
  await lasting.works(t, before, 'it works before')
  const waiting = await accepted(url, { n: 2, spinMs: 3_000 })
  const restarts = await operatorRestarts()

  t.teardown(() => kubectl(['scale', 'statefulset/nats', '-n', SYSTEM, '--replicas=1']))
  await scaleNats(0)
  await eventually('its pod is gone', async () => {
    const { stdout } = await kubectl([
      'get',
      'pod',
      'nats-0',
      '-n',
      SYSTEM,
      '--ignore-not-found',
      '-o',
      'name',
    ])
    return stdout === ''
  })
  await c.condition(name, {
    type: 'QueueReady',
    status: 'False',
    reason: 'NatsUnreachable',
    message: /jobico-system/,
  })
  await c.condition(name, { type: 'Ready', status: 'False', reason: 'NatsUnreachable' })
  const refused = await send(url, binaryEvent({ n: 3 }))
  t.match(refused, { status: 503, headers: { 'retry-after': /^\d+$/ } })
  t.match(jsonOf(refused), { code: 'QUEUE_UNAVAILABLE' })
  await timed('deletion of a Job while NATS is down', () =>
    c.kubectl('delete', 'jobs.jobico.coeux.dev', 'goner', DELETION),
  )
  await eventually('its children are gone', async () => (await childNames(c, 'goner')).length === 0)

  await timed('from the start of NATS to Ready', async () => {
    await scaleNats(1)
    await c.ready(name)
  })
  const nats = await openNats(t, c.namespace)
  t.match(await nats.ended(ref, [waiting]), [{ kind: 'done' }], 'what was accepted before is done')
  await lasting.works(t, nats, 'it works after')
  t.same(await operatorRestarts(), restarts, 'and no operator was started anew')
  await eventually(
    'the sweep finds what the deleted Job left',
    async () => {
      const left = await nats.streamsOf(gone)
      if (left.length > 0) throw new Error(left.join(', '))
      return true
    },
    { withinMs: 300_000 },
  )
})
