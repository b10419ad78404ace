import { appendFile, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { Test } from 'tap'

import { checkBackup } from '../../../functions/backup/backup-file.ts'
import { backup } from '../../../functions/backup/backup.ts'
import { restore } from '../../../functions/backup/restore.ts'
import type { Random } from '../ledger/random.ts'
import { startSender, type Sent } from '../ledger/sender.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

/** A case in which a Job moves from NATS to NATS. */
export interface MoveCase {
  readonly fault: string
  /** How many servers each NATS has: the first one, the next one, and so on. */
  readonly servers: readonly number[]
}

const HOW = { limitMs: 60_000, signal: new AbortController().signal, onWait: () => undefined }
const PER_SECOND = 60

/**
 * Sends events to a Job, backs it up, restores it into a fresh NATS, sends more there, and so on. Runners run at all times.
 * If that NATS has three servers, one is killed while the Job is restored. Audits all events at the end.
 */
export async function moveCase(t: Test, { fault, servers }: MoveCase): Promise<void> {
  const random = randomOf(fault)
  const folder = await mkdtemp(join(tmpdir(), 'jobico-move-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const sent: Sent[] = []
  const systems: System[] = []
  for (const [leg, count] of servers.entries()) {
    const isLast = leg === servers.length - 1
    await t.test(`${leg + 1}: NATS of ${count}`, async (t) => {
      const system = await startSystem(t, { servers: count, keepsVerdicts: isLast })
      systems.push(system)
      if (leg > 0) await restoreInto(system, join(folder, String(leg - 1)), random)
      sent.push(...(await load(system, `leg-${leg}`, random)))
      if (isLast) await auditCase(t, { fault, sent, system: withExecutions(system, systems) })
      else await backUp(system, join(folder, String(leg)))
    })
  }
}

async function load(system: System, prefix: string, random: Random): Promise<readonly Sent[]> {
  const target = () => system.target()
  const sender = startSender({ target, perSecond: PER_SECOND, random, prefix })
  await delay(random.between(4_000, 8_000))
  return await sender.stop(0)
}

async function backUp({ store, ref }: System, path: string): Promise<void> {
  const write = (bytes: Uint8Array) => appendFile(path, bytes)
  await backup(store.requests.connection, { ...HOW, jobs: [ref()], write })
}

async function restoreInto({ store, server }: System, path: string, random: Random): Promise<void> {
  const [first, ...others] = server.members
  const member = others.length === 0 ? undefined : random.pick([first, ...others])
  let restart: Promise<void> | undefined
  const file = await open(path)
  await restore(store.requests.connection, {
    ...HOW,
    backup: await checkBackup(file),
    onProgress: () => {
      restart ??= member?.kill().then(() => member.start())
    },
  })
  await file.close()
  await restart
}

/** A system with the executions of all that came before it, too. */
function withExecutions(system: System, all: readonly System[]): System {
  return {
    ...system,
    get executions() {
      const sum = new Map<string, number>()
      for (const { executions } of all)
        for (const [key, count] of executions) sum.set(key, count + (sum.get(key) ?? 0))
      return sum
    },
  }
}
