import t from 'tap'

import { PARTITIONS } from './server-faults.fixture.ts'
import { threeCase } from './three.fixture.ts'

for (const fault of PARTITIONS) threeCase(t, { name: `three: ${fault.name}`, faults: () => [fault, fault] })
