import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

import type { Test } from 'tap'

import type { Case } from './case.fixture.ts'

const POLL_MS = 500

/**
 * Counts how often the module began to run for each key, from now until the test ends. The module logs "begin" each time;
 * this follows the logs of the event's runners. The last lines of a killed pod may be missing.
 */
export function followExecutions(t: Test, c: Case, event: string): ReadonlyMap<string, number> {
  const executions = new Map<string, number>()
  const followed = new Map<string, ChildProcess>()
  const follow = (name: string) => {
    const child = spawn('kubectl', ['logs', '--follow', '-n', c.namespace, name], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const key = /"key":"([a-z2-7]{26})".*"msg":"begin"/.exec(line)?.[1]
      if (key !== undefined) executions.set(key, (executions.get(key) ?? 0) + 1)
    })
    followed.set(name, child)
  }
  const followNewPods = async () => {
    for (const { metadata, status } of await c.pods('runner', event))
      if (status.phase === 'Running' && !followed.has(metadata.name)) follow(metadata.name)
  }
  const timer = setInterval(() => void followNewPods().catch(() => undefined), POLL_MS)
  t.teardown(() => {
    clearInterval(timer)
    for (const child of followed.values()) child.kill()
  })
  return executions
}
