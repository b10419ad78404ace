import t from 'tap'

import { DEATHS } from './server-faults.fixture.ts'
import { threeCase } from './three.fixture.ts'

for (const fault of DEATHS) threeCase(t, { name: `three: ${fault.name}`, faults: () => [fault, fault] })
