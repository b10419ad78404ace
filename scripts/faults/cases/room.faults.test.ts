import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventKey, resultSource, streamNames } from '../../../functions/queues/names.ts'
import { eventState } from '../../../functions/outcomes/event-state.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

const SMALL = { maxBytes: 300 * 1024 }
/** Few of these fill a small queue. */
const BULKY = { bulk: 'x'.repeat(16_000) }
const CHAIN = [{ name: 'a', output: 'b' }, { name: 'b' }]

const isFull = (system: System) => async () => {
  const { config, state } = await system.store.manager.streams.info(streamNames(system.ref()).queue)
  return state.bytes > config.max_bytes - 32 * 1024
}

t.test('the queue is full', async (t) => {
  const fault = 'queue full'
  const random = randomOf(fault)
  const system = await startSystem(t, { queue: SMALL })
  const [runner] = system.children('runner')
  // Nothing is run at first, so that the queue fills before the outcomes do.
  runner.signal('SIGSTOP')
  const data = { ...BULKY, spinMs: 60 }
  const sender = startSender({
    target: () => system.target(),
    perSecond: 60,
    random,
    actions: ['spin'],
    data,
  })
  await eventually('the queue is full', isFull(system))
  await eventually('the listener says so', () =>
    Promise.resolve(sender.sent.some(({ answers }) => answers.some(({ status }) => status === 503))),
  )
  const [oldest] = sender.sent
  const { state } = await eventually('NATS says what became of the oldest event', () =>
    eventState(system.store.requests, system.ref(), oldest?.key ?? ''),
  )
  t.equal(state, 'pending', 'the oldest event is still there')
  runner.signal('SIGCONT')
  const sent = await sender.stop()
  const refusals = sent.flatMap(({ answers }) => answers).filter(({ status }) => status !== 202)
  t.same(new Set(refusals.map(({ status }) => status)), new Set([503]))
  t.ok(refusals.every(({ retryAfter }) => retryAfter !== undefined))
  await auditCase(t, { fault, system, sent })
})

t.test('a chain of events does not stand still when the queue is full', async (t) => {
  const fault = 'queue full (chain)'
  const random = randomOf(fault)
  const system = await startSystem(t, { queue: SMALL, events: CHAIN })
  const [runner] = system.children('runner', 'a')
  const target = () => system.target('a')
  // Nothing is run at first, so that the queue fills before the outcomes do.
  runner.signal('SIGSTOP')
  const sender = startSender({
    target,
    perSecond: 40,
    random,
    actions: ['spin'],
    data: { ...BULKY, spinMs: 80 },
    // A slow machine would begin so many before the queue is seen to be full that the outcomes have no room for them.
    mostInFlight: 40,
  })
  await eventually('the queue is full', isFull(system))
  runner.signal('SIGCONT')
  await delay(1_000)
  const sent = await sender.stop()
  const results = sent.map(({ key, accepted }) => ({
    key: eventKey(resultSource(system.ref('a')), key),
    action: 'ok' as const,
    accepted,
  }))
  await auditCase(t, { fault, system, sent: [...sent, ...results], events: ['a', 'b'] })
})

t.test('the outcomes are full', async (t) => {
  const fault = 'outcomes full'
  const random = randomOf(fault)
  const system = await startSystem(t, { queue: { maxBytes: 2 * 2 ** 20 } })
  const { queue, outcomes } = streamNames(system.ref())
  const { manager } = system.store
  const { config } = await manager.streams.info(outcomes)
  const sender = startSender({ target: () => system.target(), perSecond: 100, random, actions: ['ok'] })
  await eventually(
    'some outcomes are written',
    async () => (await manager.streams.info(outcomes)).state.messages > 50,
  )
  await manager.streams.update(outcomes, {
    ...config,
    max_bytes: (await manager.streams.info(outcomes)).state.bytes + 1,
  })
  await standsStill(system)
  const waiting = (await manager.streams.info(queue)).state.messages
  t.ok(waiting > 0, 'nothing is acknowledged that has no verdict')
  await manager.streams.update(outcomes, config)
  const { contents, audit } = await auditCase(t, { fault, system, sent: await sender.stop() })
  t.same(
    new Set([...contents.endings.values()].map(({ attempts }) => attempts)),
    new Set([1]),
    'no attempt is spent',
  )
  t.equal(audit.again, 0, 'nothing is run again')
})

t.test('there are no outcomes for a while', async (t) => {
  const fault = 'outcomes absent'
  const random = randomOf(fault)
  const system = await startSystem(t)
  const { queue, outcomes } = streamNames(system.ref())
  const { manager } = system.store
  await manager.streams.delete(outcomes)
  const sender = startSender({ target: () => system.target(), perSecond: 50, random, actions: ['ok'] })
  await eventually('something waits', async () => (await manager.streams.info(queue)).state.messages > 20)
  await eventually(
    'they are there again',
    async () => (await manager.streams.info(outcomes)).state.messages > 0,
  )
  const { contents } = await auditCase(t, { fault, system, sent: await sender.stop() })
  t.same(
    new Set([...contents.endings.values()].map(({ attempts }) => attempts)),
    new Set([1]),
    'no attempt is spent',
  )
})

/** Waits until no more verdicts are written. */
async function standsStill(system: System): Promise<void> {
  const { outcomes } = streamNames(system.ref())
  let before = -1
  await eventually(
    'no more outcomes are written',
    async () => {
      const { last_seq: now } = (await system.store.manager.streams.info(outcomes)).state
      const stands = now === before
      before = now
      return stands
    },
    { everyMs: 1_000 },
  )
}
