import t from 'tap'

import { startCase, timed } from '../case.fixture.ts'
import { childNames, childrenFor } from '../children.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startFlow } from '../flow.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { openNats, resultOf } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { killPods, leaderPod, operatorPods, operatorRolledOut } from '../operator.fixture.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e']

t.test('operators die', async (t) => {
  const c = await startCase(t, 'operator')
  const nats = await openNats(t, c.namespace)
  t.teardown(operatorRolledOut)
  const jobs = NAMES.map((name) => job(`job-${name}`, [event(name)]))
  const versionOf = async (name: string) => {
    const key = await accepted(await c.url(`job-${name}`, name), { n: 1 })
    const [verdict] = await nats.ended({ namespace: c.namespace, job: `job-${name}`, event: name }, [key])
    return (resultOf(verdict) as { version: string }).version
  }

  await t.test('the one that leads, in the middle of its work', async (t) => {
    const leader = await leaderPod()
    await c.apply(await modules({ [MODULE]: 'v1' }), schema(), ...jobs)
    await timed('from the death of the leading operator to all Jobs Ready', async () => {
      await killPods(leader)
      await Promise.all(NAMES.map((name) => c.ready(`job-${name}`, { withinMs: 300_000 })))
    })
    t.not(await leaderPod(), leader, 'another one leads')
    for (const name of NAMES) t.same(await childNames(c, `job-${name}`), childrenFor(name))
    t.same(
      await Promise.all(NAMES.map(versionOf)),
      NAMES.map(() => 'v1'),
    )
  })

  await t.test('both, while the modules change and events flow', async (t) => {
    await operatorRolledOut()
    const flow = startFlow(await c.url('job-a', 'a'), (n) => ({ n }))
    const pods = await operatorPods()
    await c.apply(await modules({ [MODULE]: 'v2' }))
    await killPods(...pods.map(({ metadata }) => metadata.name))
    await eventually(
      'the new code serves everywhere',
      async () => (await Promise.all(NAMES.map(versionOf))).every((version) => version === 'v2'),
      { withinMs: 300_000 },
    )
    await Promise.all(NAMES.map((name) => c.ready(`job-${name}`)))
    const flowed = await flow.stop()
    t.same(flowed.refused, [], 'every event was answered with 202 meanwhile')
    const ref = { namespace: c.namespace, job: 'job-a', event: 'a' }
    const verdicts = await nats.ended(ref, flowed.accepted)
    t.ok(
      verdicts.every(({ kind }) => kind === 'done'),
      `and all ${verdicts.length} were done`,
    )
  })
})
