import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import type { Scope } from '../process.fixture.ts'

/** Attacks a port of loopback over so many connections of a kind until the test ends; resolves when all have begun. */
export async function startAttack(test: Scope, port: number, name: string, count: number): Promise<void> {
  const program = join(import.meta.dirname, 'attackers.fixture.ts')
  const child = spawn(process.execPath, [program, String(port), name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  test.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await once(child.stdout, 'data')
}
