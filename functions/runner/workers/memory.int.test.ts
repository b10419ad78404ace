import { join } from 'node:path'

import t from 'tap'

import { report } from '../../../scripts/security/report.fixture.ts'
import { openCgroup } from '../../../scripts/testing/cgroup.fixture.ts'
import { mustRun } from '../../../scripts/testing/program.ts'
import { ATTACKS, POD_LIMIT } from './memory.fixture.ts'

const WANTED: Readonly<Record<string, readonly string[]>> = {
  'a result of arrays in arrays': ['RESULT_INVALID'],
  'a result of escapes': ['ok'],
  'a long string as result': ['RESULT_TOO_LARGE'],
}
/** The kernel ends a process that exceeds this, as it does in a cluster; a machine that can't do so only measures it. */
const limit = openCgroup({ memoryMiB: POD_LIMIT })
t.teardown(() => limit?.close())
t.comment(limit === undefined ? 'no cgroups: the peak is only measured' : `in a cgroup, ${limit.kind}`)

t.test(
  'whatever a guest makes the host allocate, its process stays within the limit of its pod',
  { timeout: 280_000 },
  async (t) => {
    for (const name of Object.keys(ATTACKS)) {
      const program = [process.execPath, join(import.meta.dirname, 'memory.fixture.ts'), name] as const
      const [command, ...args] = [...(limit?.inside ?? []), ...program] as const
      const { outcomes, peak } = JSON.parse(await mustRun(command, args)) as {
        outcomes: string[]
        peak: number
      }
      t.comment(`${name}: ${outcomes.join(', ')}, at most ${peak} MiB`)
      report({ attack: name, bound: `memory below ${POD_LIMIT} MiB`, measured: `${peak} MiB` })
      t.ok(peak < POD_LIMIT, `${name}: ${peak} MiB`)
      if (WANTED[name] !== undefined) t.same(outcomes, WANTED[name], name)
    }
  },
)
