import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

const AWAY_MS = 5 * 60_000
const ANSWER_LIMIT_MS = 2_000
const RECOVERY_LIMIT_MS = 10_000

t.test('NATS is away for five minutes', async (t) => {
  const fault = 'NATS away for 5 minutes'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', listeners: 2, runners: 2 }] })
  const flow = { target: () => system.target(), perSecond: 4, random }
  const before = startSender({ ...flow, prefix: 'before' })
  await delay(2_000)
  const accepted = await before.stop()
  await system.server.kill()
  const meanwhile = startSender({ ...flow, prefix: 'meanwhile', again: false })
  await delay(AWAY_MS)
  const refused = await meanwhile.stop()
  const answers = refused.flatMap(({ answers }) => answers)
  t.equal(answers.length, refused.length)
  t.same(new Set(answers.map(({ status }) => status)), new Set([503]), 'every answer is 503, and never 202')
  t.ok(
    answers.every(({ retryAfter }) => retryAfter !== undefined),
    'each says when to come again',
  )
  t.ok(Math.max(...answers.map(({ ms }) => ms)) < ANSWER_LIMIT_MS, 'each comes within two seconds')

  const returned = performance.now()
  await system.server.start()
  const after = startSender({ ...flow, prefix: 'after' })
  await eventually('an event that is sent now is run', () =>
    Promise.resolve(after.sent.some(({ accepted, key }) => accepted && system.executions.has(key))),
  )
  const recoveredMs = performance.now() - returned
  t.comment(`recovered ${(recoveredMs / 1_000).toFixed(1)} s after NATS was started`)
  t.ok(recoveredMs < RECOVERY_LIMIT_MS, 'all processes recover by themselves within ten seconds')
  const sent = [...accepted, ...refused, ...(await after.stop())]
  await auditCase(t, { fault, system, sent })
  t.same(system.notes, [], 'no process has ended')
})
