import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { streamNames } from '../../../functions/queues/names.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

t.test('nats-server is killed under load and started again', async (t) => {
  const fault = 'nats-server SIGKILL'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', listeners: 2, runners: 2 }] })
  const sender = startSender({ target: () => system.target(), perSecond: 30, random })
  for (let kills = 0; kills < 4; kills++) {
    await delay(random.between(1_000, 3_000))
    await system.server.kill()
    await delay(random.between(0, 1_500))
    await system.server.start()
  }
  await auditCase(t, { fault, system, sent: await sender.stop() })
  t.same(system.notes, [], 'no process has ended')
})

t.test('the durable consumers are deleted under a running system', async (t) => {
  const fault = 'consumers deleted'
  const random = randomOf(fault)
  const system = await startSystem(t)
  const { queue, events } = streamNames(system.ref())
  const sender = startSender({ target: () => system.target(), perSecond: 20, random })
  for (const stream of [queue, events]) {
    await delay(random.between(500, 2_000))
    await system.store.manager.consumers.delete(stream, 'ev1')
  }
  await eventually('the consumers are there again', async () => {
    for (const stream of [queue, events]) await system.store.manager.consumers.info(stream, 'ev1')
    return true
  })
  await delay(500)
  await auditCase(t, { fault, system, sent: await sender.stop() })
})

for (const which of ['queue', 'events'] as const) {
  t.test(`the stream of the ${which} is deleted under a running system`, async (t) => {
    const fault = `stream deleted: ${which}`
    const random = randomOf(fault)
    const system = await startSystem(t)
    const { streams } = system.store.manager
    const stream = streamNames(system.ref())[which]
    const flow = { target: () => system.target(), perSecond: 20, random }
    const before = startSender({ ...flow, prefix: 'before' })
    await delay(random.between(500, 2_000))
    await streams.delete(stream)
    const after = startSender({ ...flow, prefix: 'after' })
    const gone = (await before.stop(0)).map((event) => ({ ...event, accepted: false }))
    await eventually(
      'the stream is there again',
      async () => (await streams.info(stream)).config.name === stream,
    )
    await delay(500)
    // What was accepted before went with the stream, or did not: the server can't tell any more.
    const sent = [...gone, ...(await after.stop())]
    await auditCase(t, { fault, system, sent, keepsVerdicts: false })
  })
}
