import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { faultsConfig } from '../config.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'
import { slowDisk } from './disk.fixture.ts'

const DELAY_MS = 20

t.test('the disk is slow', async (t) => {
  const fault = `slow disk, ${DELAY_MS} ms for each write`
  const wrapper = slowDisk(faultsConfig(), DELAY_MS)
  const random = randomOf(fault)
  const system = await startSystem(t, { server: { wrapper, syncInterval: 'always' } })
  const sender = startSender({ target: () => system.target(), perSecond: 10, random })
  await delay(8_000)
  const sent = await sender.stop()
  const accepted = sent.flatMap(({ answers }) => answers.filter(({ status }) => status === 202))
  const times = accepted.map(({ ms }) => ms).sort((a, b) => a - b)
  t.comment(`the median answer took ${Math.round(times[Math.floor(times.length / 2)] ?? NaN)} ms`)
  t.ok((times[0] ?? 0) > DELAY_MS, 'what is acknowledged is on disk')
  await auditCase(t, { fault, system, sent })
})
