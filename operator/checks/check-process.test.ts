import { join } from 'node:path'

import t from 'tap'

import type { CheckRequest } from './check-request.ts'
import { startCheckProcess } from './check-process.ts'
import '../../scripts/testing/as-started.fixture.ts'

const PROGRAM = {
  entry: join(import.meta.dirname, 'hostile.fixture.ts'),
  folder: join(import.meta.dirname, '..', '..', '/'),
}
const LIMITS = { heapMiB: 64, memoryMiB: 160 }
const named = (name: string): CheckRequest => ({ kind: 'module', name, memoryBytes: 1 })

const cases: readonly { readonly name: string; readonly deadlineMs?: number; readonly want: object }[] = [
  { name: 'buffers', want: { failed: 'memory' } },
  { name: 'heap', want: { failed: 'memory' } },
  { name: 'spin', deadlineMs: 1_000, want: { failed: 'late', detail: 'no answer within 1 s' } },
  { name: 'exit', want: { failed: 'ended', detail: /exit code 7/ } },
  { name: 'endless', want: { failed: 'ended' } },
  { name: 'rubbish', want: { failed: 'ended', detail: /emits/ } },
]
for (const { name, deadlineMs = 60_000, want } of cases)
  t.test(`a process that goes wrong ends alone: ${name}`, async (t) => {
    const process = startCheckProcess(LIMITS, PROGRAM)
    t.match(await process.ask(named(name), Buffer.from('bytes'), deadlineMs), want)
    t.notOk(process.isAlive())
  })

t.test(
  'a process has no environment, reads no file but its program, writes none and starts no process',
  async (t) => {
    const process = startCheckProcess(LIMITS, PROGRAM)
    t.teardown(() => process.end())
    const answer = await process.ask(named('look'), Buffer.from('bytes'), 60_000)
    const fault = 'fault' in answer ? answer.fault : '{}'
    t.same(JSON.parse(fault), {
      environment: [],
      read: 'ERR_ACCESS_DENIED',
      write: 'ERR_ACCESS_DENIED',
      spawn: 'ERR_ACCESS_DENIED',
    })
  },
)

t.test('a process that does not start is no fault of what is checked', async (t) => {
  const process = startCheckProcess(LIMITS, { ...PROGRAM, entry: join(PROGRAM.folder, 'missing.ts') })
  t.teardown(() => process.end())
  await t.rejects(process.ask(named('look'), Buffer.from('bytes'), 60_000), {
    message: /^a process that checks did not start: exit code 1: .*missing\.ts/s,
  })
  t.notOk(process.isAlive())
})
