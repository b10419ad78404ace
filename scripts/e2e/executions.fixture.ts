import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

import type { Test } from 'tap'

import type { Case } from './case.fixture.ts'

const LOOK_MS = 500

/**
 * How often the module was seen to begin with each key, by the logs of an event's runners from now on; it says "begin" each time.
 * The last words of a pod that is killed may be missing. Ends with the test.
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
  const look = async () => {
    for (const { metadata, status } of await c.pods('runner', event))
      if (status.phase === 'Running' && !followed.has(metadata.name)) follow(metadata.name)
  }
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS)
  t.teardown(() => {
    clearInterval(timer)
    for (const child of followed.values()) child.kill()
  })
  return executions
}
