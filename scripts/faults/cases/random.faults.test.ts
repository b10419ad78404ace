import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { faultsConfig } from '../config.ts'
import { scheduleFaults, scheduleWords } from '../ledger/schedule.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

const FAULTS = {
  'runner SIGKILL': (system: System, pick: Pick) => pick(system.children('runner')).signal('SIGKILL'),
  'runner SIGTERM': (system: System, pick: Pick) => pick(system.children('runner')).signal('SIGTERM'),
  'listener SIGKILL': (system: System, pick: Pick) => pick(system.children('listener')).signal('SIGKILL'),
  'listener SIGTERM': (system: System, pick: Pick) => pick(system.children('listener')).signal('SIGTERM'),
  'nats-server SIGKILL': async ({ server }: System, pick: Pick) => {
    const member = pick(server.members)
    await member.kill()
    await member.start()
  },
}
type Pick = <T>(some: readonly [T, ...T[]]) => T
const KINDS = Object.keys(FAULTS) as [keyof typeof FAULTS, ...(keyof typeof FAULTS)[]]

t.test('everything dies at random times', async (t) => {
  const fault = 'a random schedule of all'
  const random = randomOf(fault)
  const { minutes, seed } = faultsConfig()
  const lengthMs = minutes * 60_000
  const schedule = scheduleFaults(random, KINDS, { lengthMs, everyMs: 3_000 })
  t.comment(`seed ${seed}: ${scheduleWords(schedule)}`)
  const system = await startSystem(t, { events: [{ name: 'ev1', listeners: 2, runners: 2 }] })
  const sender = startSender({ target: () => system.target(), perSecond: 20, random })
  const began = performance.now()
  const until = (ms: number) => delay(Math.max(0, ms - (performance.now() - began)))
  for (const { atMs, kind } of schedule) {
    await until(atMs)
    await FAULTS[kind](system, random.pick)
  }
  await until(lengthMs)
  await auditCase(t, { fault, system, sent: await sender.stop() })
})
