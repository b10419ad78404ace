import t from 'tap'

import { startCase } from '../case.fixture.ts'
import { childrenOf } from '../children.fixture.ts'
import { accepted, binaryEvent, send } from '../http.fixture.ts'
import { countVerdicts, openNats, resultOf, verdictCounts } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const JOB = 'same'
const EVENT = 'same'

t.test('two namespaces with the same Job and the same event', async (t) => {
  const [a, b] = await Promise.all([startCase(t, 'apart-a'), startCase(t, 'apart-b')])
  const [natsOfA, natsOfB] = [await openNats(t, a.namespace), await openNats(t, b.namespace)]
  const sides = [
    {
      c: a,
      nats: natsOfA,
      version: 'v1',
      content: { type: 'object', required: ['a'] },
      data: { a: 1, n: 1 },
    },
    {
      c: b,
      nats: natsOfB,
      version: 'v2',
      content: { type: 'object', required: ['b'] },
      data: { b: 1, n: 2 },
    },
  ]
  for (const { c, version, content } of sides)
    await c.apply(await modules({ [MODULE]: version }), schema(content), job(JOB, [event(EVENT)]))
  await Promise.all(sides.map(({ c }) => c.ready(JOB)))

  const refOf = ({ namespace }: { readonly namespace: string }) => ({ namespace, job: JOB, event: EVENT })
  for (const { c, nats, version, data } of sides) {
    await countVerdicts(t, nats, refOf(c))
    const url = await c.url(JOB, EVENT)
    t.match(url, c.namespace)
    const [verdict] = await nats.ended(refOf(c), [await accepted(url, data)])
    t.same(resultOf(verdict), { version, n: data.n }, `${c.namespace} has its own code`)
    const others = sides.find((side) => side.c !== c)?.data
    t.match(await send(url, binaryEvent(others)), { status: 422 }, 'and its own schema')
    t.same(await verdictCounts(nats, refOf(c)), { written: 1, held: 1 }, 'and its own outcomes')
  }

  const before = await childrenOf(b, JOB)
  await a.kubectl('delete', 'jobs.jobico.coeux.dev', JOB, '--timeout=120s')
  t.same(await natsOfA.streamsOf(refOf(a)), [], 'one goes with all that it has')
  t.same(await childrenOf(b, JOB), before, 'and the other stays')
  const [verdict] = await natsOfB.ended(refOf(b), [await accepted(await b.url(JOB, EVENT), { b: 2, n: 3 })])
  t.same(resultOf(verdict), { version: 'v2', n: 3 }, 'and serves')
})
