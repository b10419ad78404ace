import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import type { Scope } from '../process.fixture.ts'

/** What to attack: a port of loopback, over so many connections of a kind. */
export interface AttackOptions {
  readonly port: number
  readonly name: string
  readonly count: number
  /** Called with the process of the attackers, right after its start. */
  readonly onLaunch?: (pid: number | undefined) => void
}

/** Attacks until the test ends; resolves when all connections have begun. */
export async function startAttack(test: Scope, options: AttackOptions): Promise<void> {
  const { port, name, count, onLaunch = () => undefined } = options
  const program = join(import.meta.dirname, 'attackers.fixture.ts')
  const child = spawn(process.execPath, [program, String(port), name, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onLaunch(child.pid)
  const ended = once(child, 'exit')
  test.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await once(child.stdout, 'data')
}
