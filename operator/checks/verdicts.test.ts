import t from 'tap'

import { createFairQueue } from './fair-queue.ts'
import { createVerdicts } from './verdicts.ts'

interface Answer {
  readonly text: string
}
const LATE = { failed: 'late', detail: 'too slow' } as const
const input = (key: string, tenant = 'shop') => ({ tenant, key, large: false, wake: `${tenant}/job` })

function memory(patienceMs: number) {
  const clock = { ms: Date.parse('2026-01-01T00:00:00Z') }
  const woken: string[] = []
  const verdicts = createVerdicts<Answer>({
    queue: createFairQueue({ slots: 2 }),
    onDone: (wake) => woken.push(wake),
    patienceMs,
    now: () => clock.ms,
  })
  let checks = 0
  return {
    ...verdicts,
    clock,
    woken,
    checks: () => checks,
    counted: (result: Answer | typeof LATE | undefined) => () => {
      checks++
      return Promise.resolve(result)
    },
  }
}

t.test('an input is checked once, and remembered by its key', async (t) => {
  const { ask, forget, counted, checks } = memory(60_000)
  const valid = { kind: 'known', value: { text: 'valid' } }
  t.same(await ask(input('a'), counted({ text: 'valid' })), valid)
  t.same(await ask(input('a', 'other'), counted(undefined)), valid, 'for all tenants')
  t.equal(checks(), 1)
  forget('a')
  t.match(await ask(input('a'), counted(undefined)), { kind: 'pending' }, 'the input is gone')
  t.equal(checks(), 2)
})

t.test('a check without an end is not tried again at once, then later, and later still', async (t) => {
  const { ask, counted, checks, clock } = memory(60_000)
  const look = async () => await ask(input('a'), counted(LATE))
  const first = await look()
  t.match(first, { kind: 'failed', failure: LATE })
  t.same(await look(), first, 'nothing changes meanwhile')
  t.equal(checks(), 1)
  const waits: number[] = []
  for (let tries = 2; tries < 12; tries++) {
    const { again } = (await look()) as { readonly again: Date }
    waits.push(again.getTime() - clock.ms)
    clock.ms = again.getTime()
    await look()
    t.equal(checks(), tries)
  }
  t.ok(
    waits.every((ms) => ms >= 30_000 && ms <= 3_600_000),
    waits.join(' '),
  )
  t.ok(waits.slice(-1).every((ms) => ms >= 1_800_000))
  t.match(await ask(input('b'), counted({ text: 'valid' })), { kind: 'known' }, 'others are checked')
})

t.test('nobody waits for a slow check; who asked is woken when it ends', async (t) => {
  const { ask, woken } = memory(0)
  const slow = Promise.withResolvers<Answer>()
  t.same(await ask(input('a'), () => slow.promise), { kind: 'pending' })
  t.same(await ask({ ...input('a'), wake: 'shop/other' }, () => slow.promise), { kind: 'pending' })
  t.same(woken, [])
  slow.resolve({ text: 'valid' })
  await new Promise((resolve) => setImmediate(resolve))
  t.same(woken.sort(), ['shop/job', 'shop/other'])
  t.match(await ask(input('a'), () => slow.promise), { kind: 'known', value: { text: 'valid' } })
})

t.test(
  'what a check throws is told: at once, or to who asks next, until there is something new',
  async (t) => {
    const patient = memory(60_000)
    await t.rejects(
      patient.ask(input('a'), () => Promise.reject(new Error('no NATS'))),
      { message: 'no NATS' },
    )
    const { ask, woken, counted } = memory(0)
    const broken = Promise.withResolvers<Answer>()
    t.same(await ask(input('a'), () => broken.promise), { kind: 'pending' })
    broken.reject(new Error('no NATS'))
    await new Promise((resolve) => setImmediate(resolve))
    t.same(woken, [], 'nobody is woken in vain')
    const slow = Promise.withResolvers<Answer>()
    await t.rejects(
      ask(input('a'), () => slow.promise),
      { message: 'no NATS' },
    )
    slow.resolve({ text: 'valid' })
    await new Promise((resolve) => setImmediate(resolve))
    t.match(await ask(input('a'), counted(LATE)), { kind: 'known' })
  },
)
