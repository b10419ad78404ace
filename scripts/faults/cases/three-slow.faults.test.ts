import t from 'tap'

import { faultsConfig } from '../config.ts'
import { slowDisk } from './disk.fixture.ts'
import { NO_FAULT, SLOWNESS } from './server-faults.fixture.ts'
import { threeCase } from './three.fixture.ts'

const DELAY_MS = 20

for (const fault of SLOWNESS) threeCase(t, { name: `three: ${fault.name}`, faults: () => [fault, fault] })

threeCase(t, {
  name: `three: one with a slow disk, ${DELAY_MS} ms for each write`,
  faults: () => [NO_FAULT],
  server: { wrapper: slowDisk(faultsConfig(), DELAY_MS), wrapped: 1, syncInterval: 'always' },
})
