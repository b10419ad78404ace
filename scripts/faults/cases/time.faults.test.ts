import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { ACK_WAIT_MS } from '../../../functions/queues/stream-config.ts'
import { streamNames } from '../../../functions/queues/names.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { faultsConfig } from '../config.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

t.test('an execution takes three times as long as the ack wait', async (t) => {
  const fault = 'execution of three ack waits'
  const random = randomOf(fault)
  const system = await startSystem(t, {
    events: [{ name: 'ev1', runners: 2, runner: { JOBICO_TIMEOUT_MS: '200000' } }],
  })
  const data = { spinMs: 3 * ACK_WAIT_MS + 2_000 }
  const sender = startSender({
    target: () => system.target(),
    perSecond: 20,
    random,
    actions: ['spin'],
    data,
  })
  await eventually('an event is sent', () => Promise.resolve(sender.sent.length >= 1), { everyMs: 5 })
  const { audit } = await auditCase(t, { fault, system, sent: await sender.stop() })
  t.equal(audit.again, 0, 'it runs once')
})

for (const [words, offset] of [
  ['an hour ahead', '+1h'],
  ['an hour behind', '-1h'],
] as const) {
  t.test(`the clock of the processes is ${words}`, async (t) => {
    const fault = `clock ${words}`
    const random = randomOf(fault)
    const clock = { LD_PRELOAD: faultsConfig().faketime, FAKETIME: offset, DONT_FAKE_MONOTONIC: '1' }
    const system = await startSystem(t, { events: [{ name: 'ev1', listener: clock, runner: clock }] })
    const sender = startSender({ target: () => system.target(), perSecond: 20, random })
    await delay(5_000)
    const sent = await sender.stop()
    const began = performance.now()
    await auditCase(t, { fault, system, sent })
    t.ok(performance.now() - began < 30_000, 'retries are due by the clock of the server')
    t.ok(sent.some(({ action }) => action === 'retry'))
  })
}

t.test('thousands of parked retries hold up nothing', async (t) => {
  const fault = 'parked retries'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', runner: { JOBICO_MAX_ATTEMPTS: '2' } }] })
  const { queue, events } = streamNames(system.ref())
  const { manager } = system.store
  const parked = startSender({
    ...{ target: () => system.target(), perSecond: 400, random, prefix: 'parked' },
    ...{ actions: ['retry'] as const, data: { after: 45 } },
  })
  await eventually(
    'thousands are parked',
    async () => (await manager.streams.info(events)).state.messages >= 2_000,
  )
  const waiting = await parked.stop()
  const others = startSender({ target: () => system.target(), perSecond: 50, random, actions: ['ok'] })
  await delay(3_000)
  const sent = await others.stop()
  await eventually(
    'the others are done',
    async () => (await manager.streams.info(queue)).state.messages === 0,
  )
  t.ok((await manager.streams.info(events)).state.messages >= 1_000, 'while the parked ones wait')
  await auditCase(t, { fault, system, sent: [...waiting, ...sent] })
})
