import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import t from 'tap'

import { ATTACKS } from './memory.fixture.ts'

/** The limit of a runner's pod with four threads and the default memory, in MiB: `resourcesOf` in knative/resources. */
const POD_LIMIT = 1_536
const WANTED: Readonly<Record<string, readonly string[]>> = {
  'a result of arrays in arrays': ['RESULT_INVALID'],
  'a result of escapes': ['ok'],
}

const run = promisify(execFile)

t.test(
  'whatever a guest makes the host allocate, its process stays within the limit of its pod',
  async (t) => {
    for (const name of Object.keys(ATTACKS)) {
      const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'memory.fixture.ts'), name])
      const { outcomes, peak } = JSON.parse(stdout) as { outcomes: string[]; peak: number }
      t.comment(`${name}: ${outcomes.join(', ')}, at most ${peak} MiB`)
      t.ok(peak < POD_LIMIT, `${name}: ${peak} MiB`)
      if (WANTED[name] !== undefined) t.same(outcomes, WANTED[name], name)
    }
  },
)
