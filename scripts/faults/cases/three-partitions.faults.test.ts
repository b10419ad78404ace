import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'
import { HOLDER_APART, PARTITIONS } from './server-faults.fixture.ts'
import { threeCase } from './three.fixture.ts'

for (const fault of PARTITIONS) threeCase(t, { name: `three: ${fault.name}`, faults: () => [fault, fault] })

/** Within this time a runner leaves the server that is cut off, and makes the consumers anew. */
const RUN_AGAIN_MS = 45_000

t.test('three: events are run while the holder of the consumers is apart', async (t) => {
  const fault = 'three: run while the holder is apart'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', listeners: 2, runners: 2 }] })
  const sender = startSender({ target: () => system.target(), perSecond: 10, random, actions: ['ok'] })
  await delay(2_000)
  const end = await HOLDER_APART.begin(system, random)
  const began = performance.now()
  const first = sender.sent.length
  await eventually(
    'many of the events that came since then are run',
    () => {
      const run = sender.sent.slice(first).filter(({ key }) => system.executions.has(key))
      return Promise.resolve(run.length > 100)
    },
    { withinMs: RUN_AGAIN_MS },
  )
  t.comment(`run again after ${((performance.now() - began) / 1_000).toFixed(1)} s`)
  await end()
  await auditCase(t, { fault, system, sent: await sender.stop() })
  t.same(system.notes, [], 'no process has ended')
})
