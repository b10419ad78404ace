import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { planPurge, purgeDeadLetters } from '../../../functions/dead-letters/purge.ts'
import { readBacklog } from '../../../functions/queues/backlog.ts'
import { roomLimits, STORED_PER_MAX_BYTES } from '../../../functions/queues/room.ts'
import { eventKey, resultSource, streamNames } from '../../../functions/queues/names.ts'
import { eventState } from '../../../functions/outcomes/event-state.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { heldVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { countPending, readStreamContents } from '../ledger/stream-contents.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'
import { watchBytes } from './stored-bytes.fixture.ts'

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
  // Nothing is run at first, so that the queue fills.
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
  // Nothing is run at first, so that the queue fills.
  runner.signal('SIGSTOP')
  const sender = startSender({
    target,
    perSecond: 40,
    random,
    actions: ['spin'],
    data: { ...BULKY, spinMs: 80 },
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

t.test('done outcomes roll over', async (t) => {
  const fault = 'done outcomes roll over'
  const random = randomOf(fault)
  const system = await startSystem(t, { queue: SMALL })
  const { manager } = system.store
  const { events } = streamNames(system.ref())
  const sizes = watchBytes(t, system)
  const sender = startSender({ target: () => system.target(), perSecond: 150, random, actions: ['ok'] })
  await eventually(
    'several times what there is room for was stored',
    async () => (await manager.streams.info(events)).state.last_seq > 3_000,
  )
  const sent = await sender.stop()
  const { contents, audit } = await auditCase(t, { fault, system, sent, losesVerdicts: true })
  t.same(
    new Set(sent.flatMap(({ answers }) => answers.map(({ status }) => status))),
    new Set([202]),
    'no request is refused',
  )
  t.same(new Set([...contents.endings.values()].map(({ attempts }) => attempts)), new Set([1]))
  t.equal(audit.again, 0, 'nothing is run again')
  const held = await heldVerdicts(manager, system.ref())
  t.ok(held < sent.length, `the oldest outcomes made room: ${held} of ${sent.length} are held`)
  const { bytes } = (await manager.streams.info(events)).state
  t.ok(bytes > SMALL.maxBytes * 0.9, 'the newest are kept, as many as there is room for')
  t.ok(sizes.most() < STORED_PER_MAX_BYTES * SMALL.maxBytes, 'the Job stays within its room')
})

t.test('the dead letters are full', async (t) => {
  const fault = 'dead letters full'
  const random = randomOf(fault)
  const system = await startSystem(t, { queue: SMALL })
  const { connection } = system.store.requests
  const backlog = () => readBacklog(connection, system.ref())
  const doomed = startSender({
    ...{ target: () => system.target(), perSecond: 20, random, prefix: 'doomed' },
    ...{ actions: ['reject'] as const, data: BULKY },
  })
  await eventually('more is to die than there is room for', () => Promise.resolve(doomed.sent.length >= 24))
  const rejected = await doomed.stop()
  const full = await eventually('the dead letters are full, and others wait', async () => {
    const found = await backlog()
    const dead = found?.undone?.dead ?? 0
    const isFull = dead >= roomLimits(SMALL.maxBytes).dead
    // An event that moves just now may be counted twice.
    const isSettled = found !== undefined && found.dead + found.pending === rejected.length
    return isFull && isSettled && found.pending > 0 && found
  })
  const others = startSender({ target: () => system.target(), perSecond: 50, random, actions: ['ok'] })
  await eventually('others are run', () =>
    Promise.resolve(others.sent.filter(({ key }) => system.executions.has(key)).length > 50),
  )
  const sent = await others.stop()
  for (const { key } of sent)
    await eventually(
      'each of them is done',
      async () => (await eventState(system.store.requests, system.ref(), key)).state === 'done',
    )
  t.equal((await backlog())?.dead, full.dead, 'and no dead letter was pushed out')
  const purged = await purgeAll(system)
  t.equal(purged, full.dead)
  const { contents } = await auditCase(t, {
    fault,
    system,
    sent: [...rejected, ...sent],
    losesVerdicts: true,
  })
  t.same(
    rejected.map(({ key }) => contents.endings.get(key)),
    rejected.map(() => ({ kind: 'dead', code: 'REJECTED', attempts: 1 })),
    'a purge makes room for the others, and no attempt was spent on waiting',
  )
})

t.test('events that emit to each other come to an end', async (t) => {
  const fault = 'emit loop'
  const random = randomOf(fault)
  const events = [
    { name: 'a', emits: ['b'] },
    { name: 'b', emits: ['b'] },
  ]
  const queue = { maxBytes: 4 * 2 ** 20 }
  const system = await startSystem(t, { queue, events })
  const sizes = watchBytes(t, system)
  const data = { to: 'b', copies: 45, quiet: true, filler: 'x'.repeat(20_000) }
  const target = () => system.target('a')
  const sender = startSender({ target, perSecond: 20, random, actions: ['emit'], data })
  await eventually('an event is sent', () => Promise.resolve(sender.sent.length >= 1), { everyMs: 5 })
  await sender.stop()
  await eventually('nothing is pending', async () => (await countPending(system.store, system.ref())) === 0, {
    withinMs: LOOP_LIMIT_MS,
  })
  const { endings, written } = await readStreamContents(system.store, system.ref('b'), {
    written: true,
    endings: true,
  })
  const dead = [...endings].filter(([, { kind }]) => kind === 'dead')
  t.ok(dead.length > 0, `${dead.length} of ${endings.size} have died`)
  t.same(new Set(dead.map(([, { code }]) => code)), new Set(['OUTPUT_INVALID']))
  t.same(
    [...(written ?? [])].filter(([, count]) => count !== 1),
    [],
    'each has one verdict',
  )
  const key = dead[0]?.[0] ?? ''
  const state = await eventState(system.store.requests, system.ref('b'), key)
  t.match(state, {
    state: 'dead',
    verdict: { reason: /came out of one event by hand-overs, and no more than/ },
  })
  t.ok(
    sizes.most() < STORED_PER_MAX_BYTES * queue.maxBytes,
    `the Job stays within its room: it had ${sizes.most()} bytes at most`,
  )
})

t.test('there is no stream of events for a while', async (t) => {
  const fault = 'events absent'
  const random = randomOf(fault)
  const system = await startSystem(t)
  const { queue, events } = streamNames(system.ref())
  const { manager } = system.store
  await manager.streams.delete(events)
  const sender = startSender({ target: () => system.target(), perSecond: 50, random, actions: ['ok'] })
  await eventually('something waits', async () => (await manager.streams.info(queue)).state.messages > 20)
  await eventually('it is there again', async () => (await manager.streams.info(events)).state.messages > 0)
  const sent = await sender.stop()
  const { contents } = await auditCase(t, { fault, system, sent, keepsVerdicts: false })
  t.same(
    new Set([...contents.endings.values()].map(({ attempts }) => attempts)),
    new Set([1]),
    'no attempt is spent',
  )
})

const LOOP_LIMIT_MS = 240_000
/** Purges all dead letters of a system; gives their number. */
async function purgeAll(system: System): Promise<number> {
  const { connection } = system.store.requests
  const work = {
    ...{ filter: {}, limitMs: 10_000, onWait: () => undefined },
    signal: new AbortController().signal,
  }
  const { upTo } = await planPurge(connection, system.ref(), work)
  return (await purgeDeadLetters(connection, system.ref(), { ...work, upTo })).deleted
}
