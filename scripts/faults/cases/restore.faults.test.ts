import { appendFile, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { backup } from '../../../functions/backup/backup.ts'
import { checkBackup } from '../../../functions/backup/backup-file.ts'
import { restore } from '../../../functions/backup/restore.ts'
import { startSender, type Sent } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

const HOW = { limitMs: 60_000, signal: new AbortController().signal, onWait: () => undefined }

t.test('a backup of a running Job is restored into a fresh server', async (t) => {
  const fault = 'restore into a fresh server'
  const random = randomOf(fault)
  const folder = await mkdtemp(join(tmpdir(), 'jobico-restore-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'backup')
  const executions = new Map<string, number>()
  let sent: readonly Sent[] = []

  await t.test('before', async (t) => {
    const system = await startSystem(t, { keepsVerdicts: false })
    const sender = startSender({ target: () => system.target(), perSecond: 60, random })
    await delay(random.between(4_000, 8_000))
    sent = await sender.stop(0)
    // The runner goes on meanwhile.
    const write = (bytes: Uint8Array) => appendFile(path, bytes)
    await backup(system.store.requests.connection, { ...HOW, jobs: [system.ref()], write })
    for (const [key, count] of system.executions) executions.set(key, count)
  })

  const system = await startSystem(t, {})
  const file = await open(path)
  await restore(system.store.requests.connection, { ...HOW, backup: await checkBackup(file) })
  await file.close()
  const all = {
    ...system,
    get executions() {
      const both = new Map(executions)
      for (const [key, count] of system.executions) both.set(key, count + (both.get(key) ?? 0))
      return both
    },
  }
  await auditCase(t, { fault, system: all, sent })
})
