import t from 'tap'

import { startCase, timed } from '../case.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { binaryEvent, send, structuredEvent } from '../http.fixture.ts'
import { countVerdicts, openNats, resultOf, verdictCounts } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { scaleFromZero } from '../scale-from-zero.fixture.ts'

const BURST = 300
/** One runner would take 22 s for the burst. */
const SPIN_MS = 150

t.test('from zero to several runners and back', async (t) => {
  const c = await startCase(t, 'scale')
  const nats = await openNats(t, c.namespace)
  const ref = { namespace: c.namespace, job: 'burst', event: 'ev1' }
  const runner = { concurrency: 2, maxReplicas: 4, cooldownSeconds: 30 }
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job('burst', [event('ev1', { runner })]))
  await c.ready('burst')
  await countVerdicts(t, nats, ref)
  const url = await c.url('burst', 'ev1')

  const burst = Array.from({ length: BURST }, (_, n) => structuredEvent({ n, spinMs: SPIN_MS }))
  const answer = await send(url, {
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify(burst.map((one) => one.event)),
  })
  t.equal(answer.status, 202, `${BURST} events at once are accepted`)
  const keys = burst.map(({ key }) => key)
  const secondRunner = timed(`from ${BURST} events at once to the second ready runner`, () =>
    eventually('there is more than one runner', async () => {
      const pods = await c.pods('runner', 'ev1')
      const ready = pods.filter(({ status }) =>
        status.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True'),
      )
      return ready.length > 1
    }),
  )
  const [verdicts] = await Promise.all([
    timed(`from ${BURST} events at once to their verdicts, each ${SPIN_MS} ms of work`, () =>
      nats.ended(ref, keys, { withinMs: 300_000 }),
    ),
    secondRunner,
  ])
  t.same(
    verdicts.map(resultOf),
    burst.map((_, n) => ({ version: 'v1', n })),
    'each was done',
  )
  t.same(await verdictCounts(nats, ref), { written: BURST, held: BURST }, 'and once')

  for (const round of [1, 2]) {
    const request = binaryEvent({ n: round })
    const [verdict] = await scaleFromZero(t, { c, nats, ref, request, keysOf: () => [request.key] })
    t.same(resultOf(verdict), { version: 'v1', n: round }, 'both went to zero, and woke')
  }
  t.same(await verdictCounts(nats, ref), { written: BURST + 2, held: BURST + 2 })
})
