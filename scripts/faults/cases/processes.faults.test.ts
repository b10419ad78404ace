import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { startSender } from '../ledger/sender.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

t.test('runners are killed at random moments', async (t) => {
  const fault = 'runner SIGKILL'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', runners: 2 }] })
  const sender = startSender({ target: system.target, perSecond: 30, random })
  for (let kills = 0; kills < 8; kills++) {
    await delay(random.between(200, 1_500))
    const child = random.pick(system.children('runner'))
    await child.serves()
    child.signal('SIGKILL')
  }
  await auditCase(t, { fault, system, sent: await sender.stop() })
})

t.test('runners are told to stop in the middle of executions', async (t) => {
  const fault = 'runner SIGTERM'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', runners: 2 }] })
  const sender = startSender({
    ...{ target: system.target, perSecond: 12, random },
    actions: ['spin'],
    data: { spinMs: 120 },
  })
  for (let stops = 0; stops < 5; stops++) {
    await delay(random.between(300, 1_200))
    const child = random.pick(system.children('runner'))
    await child.serves()
    child.signal('SIGTERM')
  }
  const { audit, contents } = await auditCase(t, { fault, system, sent: await sender.stop() })
  t.equal(audit.again, 0, 'what runs is finished, and what does not is handed back')
  t.same(new Set([...contents.endings.values()].map(({ attempts }) => attempts)), new Set([1]))
  const ends = system.notes.filter((note) => note.startsWith('the runner'))
  t.equal(ends.length, 5)
  for (const note of ends) t.match(note, /ended \(exit code 0\)/, 'within its grace')
})

t.test('a listener is told to stop under load', async (t) => {
  const fault = 'listener SIGTERM'
  const random = randomOf(fault)
  const system = await startSystem(t, { events: [{ name: 'ev1', listeners: 2 }] })
  const sender = startSender({ target: system.target, perSecond: 60, random, actions: ['ok'], again: false })
  for (let stops = 0; stops < 6; stops++) {
    await delay(random.between(300, 1_200))
    const child = random.pick(system.children('listener'))
    await child.serves()
    child.signal('SIGTERM')
  }
  const sent = await sender.stop()
  const { contents } = await auditCase(t, { fault, system, sent })
  const reset = sent.filter(({ answers }) => answers[0]?.status === 'ECONNRESET')
  t.same(
    reset.filter(({ key }) => contents.endings.has(key)).map(({ id }) => id),
    [],
    'no connection is reset on a request that was stored',
  )
  t.ok(sent.filter(({ accepted }) => accepted).length > 100, 'most of the time there is one to send to')
  for (const note of system.notes) t.match(note, /^the listener of ev1 ended \(exit code 0\)/)
})

t.test('a process dies on each attempt of some events, and their neighbours lose none', async (t) => {
  const fault = 'death on the last attempt'
  const random = randomOf(fault)
  const attempts = { JOBICO_MAX_ATTEMPTS: '2', JOBICO_TIMEOUT_MS: '5000' }
  const system = await startSystem(t, { events: [{ name: 'ev1', runner: attempts }] })
  const sender = startSender({
    target: system.target,
    perSecond: 10,
    random,
    actions: ['ok', 'ok', 'ok', 'ok', 'ok'],
  })
  const [runner] = system.children('runner')
  const poison = startSender({
    target: system.target,
    perSecond: 4,
    random,
    actions: ['loop'],
    prefix: 'poison',
  })
  system.onLine((line) => {
    const isPoisoned = poison.sent.some(({ key }) => key === line['key'])
    if (line['guest'] === true && isPoisoned) runner.signal('SIGKILL')
  })
  await eventually('some poison is sent', () => Promise.resolve(poison.sent.length >= 2), { everyMs: 20 })
  const poisoned = await poison.stop()
  await delay(3_000)
  const sent = await sender.stop()
  const { contents } = await auditCase(t, { fault, system, sent: [...sent, ...poisoned] })
  for (const { key } of poisoned)
    t.match(contents.endings.get(key), { kind: 'dead', code: 'PROCESS_DIED', attempts: 2 })
  const others = sent.map(({ key }) => contents.endings.get(key))
  t.same(new Set(others.map((ending) => ending?.attempts)), new Set([1]), 'a neighbour loses no attempt')
  t.ok(others.every((ending) => ending?.kind === 'done'))
})
