import t from 'tap'

import { streamNames } from '../../../functions/queues/names.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { startCase } from '../case.fixture.ts'
import { childNames, childrenFor, childrenOf } from '../children.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted, binaryEvent, send } from '../http.fixture.ts'
import { openNats, resultOf, type Nats } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const BACKLOG = 8
/** Long enough that some wait, however slow the machine is. */
const SPIN_MS = 5_000

async function consumersOf(nats: Nats, stream: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of nats.manager.consumers.list(stream)) names.push(name)
  return names.sort()
}

t.test('events leave a Job, come to it, and change their name', async (t) => {
  const c = await startCase(t, 'shape')
  const nats = await openNats(t, c.namespace)
  const ref = (name: string) => ({ namespace: c.namespace, job: 'shape', event: name })
  const slow = { runner: { concurrency: 1, maxReplicas: 1, cooldownSeconds: 30 } }
  await c.apply(
    await modules({ [MODULE]: 'v1' }),
    schema(),
    job('shape', [event('a', slow), event('b'), event('c')]),
    job('other', [event('d')]),
  )
  await Promise.all([c.ready('shape'), c.ready('other')])
  t.same(await childNames(c, 'shape'), childrenFor('a', 'b', 'c'))
  const othersBefore = await childrenOf(c, 'other')

  const url = await c.url('shape', 'a')
  const keys = await Promise.all(
    Array.from({ length: BACKLOG }, (_, n) => accepted(url, { n, spinMs: SPIN_MS })),
  )
  await c.apply(job('shape', [event('c'), event('e'), event('f')]))

  await eventually('the listener of a is gone', async () => {
    return (await c.get(KINDS.knativeService, 'listener-a')) === undefined
  })
  t.ok((await nats.states(ref('a'), keys)).has('pending'), 'it has a backlog,')
  t.ok(await c.get(KINDS.deployment, 'runner-a'), 'and a runner')

  await eventually('nothing more is accepted for it', async () => {
    return (await send(url, binaryEvent({ n: 0 }))).status !== 202
  })
  await c.ready('shape')
  for (const name of ['c', 'e', 'f']) {
    const key = await accepted(await c.url('shape', name), { n: 1 })
    const [verdict] = await nats.ended(ref(name), [key])
    t.same(resultOf(verdict), { version: 'v1', n: 1 }, `${name} is served`)
  }
  const verdicts = await nats.ended(ref('a'), keys)
  t.same(
    verdicts.map(resultOf),
    keys.map((_, n) => ({ version: 'v1', n })),
    'the backlog of a was done',
  )
  await eventually('the children of a and b are gone', async () => {
    const names = await childNames(c, 'shape')
    if (names.some((name) => /-[ab]$/.test(name))) throw new Error(names.join(', '))
    return true
  })
  t.same(await childNames(c, 'shape'), childrenFor('c', 'e', 'f'))
  for (const stream of Object.values<string>({ ...streamNames(ref('a')) }))
    await eventually(`${stream} has the consumers of the new events only`, async () => {
      const names = (await consumersOf(nats, stream)).join()
      if (names !== 'c,e,f') throw new Error(names)
      return true
    })
  t.same(await childrenOf(c, 'other'), othersBefore, 'nothing of the other Job was touched')
})
