import t from 'tap'

import { clusterConfig } from '../../faults/config.ts'
import { createRandom } from '../../faults/ledger/random.ts'
import { ledgerCase } from '../ledger.fixture.ts'

const { seed, minutes } = clusterConfig()

t.test('pods are killed at random times, and every event is accounted for', async (t) => {
  t.comment(`seed ${seed}`)
  await ledgerCase(t, {
    name: 'ledger',
    deaths: [
      ...(['runner killed', 'runner deleted', 'listener killed', 'listener deleted'] as const),
      ...(['operator killed', 'NATS killed'] as const),
    ],
    random: createRandom(seed),
    lengthMs: minutes * 60_000,
    everyMs: 7_000,
  })
})
