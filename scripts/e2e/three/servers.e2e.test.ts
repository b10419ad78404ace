import t from 'tap'

import { streamNames } from '../../../functions/queues/names.ts'
import { createRandom } from '../../faults/ledger/random.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { mustKubectl, SYSTEM } from '../kube.fixture.ts'
import { ledgerCase } from '../ledger.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'

const SERVERS = 3

t.test('a Job has its queue in three copies, and works while one of three servers is away', async (t) => {
  const lasting = await startResilientJob(t, 'three')
  const ref = { namespace: lasting.c.namespace, job: lasting.name }
  const nats = await openNats(t, lasting.c.namespace)
  await lasting.works(t, nats, 'it works with three')
  const { queue, events } = streamNames(ref)
  const infos = await eventually('all copies are current', async () => {
    const all = await Promise.all([queue, events].map((name) => nats.manager.streams.info(name)))
    const copies = all.map(({ cluster }) => cluster?.replicas?.filter(({ current }) => current).length)
    if (copies.some((count) => count !== SERVERS - 1)) throw new Error(JSON.stringify(copies))
    return all
  })
  t.same(
    infos.map(({ config }) => config.num_replicas),
    [SERVERS, SERVERS],
  )
  const consumer = await nats.manager.consumers.info(queue, 'lasting')
  t.equal(consumer.config.num_replicas, 1, 'a consumer can be made anew, so it has no copies')

  const leader = infos[0]?.cluster?.leader ?? ''
  await mustKubectl(['delete', 'pod', leader, '-n', SYSTEM, '--grace-period=0', '--force'])
  await eventually('the others have elected another leader', async () => {
    const { cluster } = await nats.manager.streams.info(queue)
    return cluster?.leader !== undefined && cluster.leader !== leader
  })
  await lasting.works(t, await openNats(t, lasting.c.namespace), 'it works while its leader starts again')
  await lasting.c.ready(lasting.name)
  await mustKubectl(['rollout', 'status', 'statefulset/nats', '-n', SYSTEM, '--timeout=180s'])
})

t.test('servers are killed and deleted under load, and every event is accounted for', (t) =>
  ledgerCase(t, {
    name: 'servers',
    deaths: ['NATS killed', 'NATS killed', 'NATS deleted', 'runner killed', 'operator killed'],
    random: createRandom(1),
    lengthMs: 40_000,
    everyMs: 8_000,
  }),
)
