import t from 'tap'

import { faultsConfig } from '../config.ts'
import { scheduleFaults } from '../ledger/schedule.ts'
import { DEATHS, PARTITIONS, SLOWNESS } from './server-faults.fixture.ts'
import { threeCase } from './three.fixture.ts'

/** How long a fault of the random case lasts at most. */
const MOST_MS = 6_000
/** About as long as a fault of the random case takes until all is settled. */
const EVERY_MS = 12_000

const FAULTS = new Map([...DEATHS, ...PARTITIONS, ...SLOWNESS].map((fault) => [fault.name, fault]))
const [first = '', ...others] = FAULTS.keys()

threeCase(t, {
  name: 'three: a random series of all',
  faults: (random) => {
    const span = { lengthMs: faultsConfig().minutes * 60_000, everyMs: EVERY_MS }
    return scheduleFaults(random, [first, ...others], span)
      .flatMap(({ kind }) => FAULTS.get(kind) ?? [])
      .map((fault) => ({ ...fault, holdMs: [0, Math.min(MOST_MS, fault.holdMs[1])] }))
  },
})
