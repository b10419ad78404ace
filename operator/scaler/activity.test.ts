import t from 'tap'

import { listens, next, NOTHING_KNOWN, type Activity, type Happening, type Phase } from './activity.ts'

const NOTHING: Happening = { waiting: 0, running: 0 }
const WAITS: Happening = { waiting: 1, running: 0 }
const RUNS: Happening = { waiting: 1, running: 1 }

t.test('what a happening means for an event', (t) => {
  const cases: readonly {
    readonly name: string
    readonly from: readonly [Phase, boolean | undefined]
    readonly happening: Happening
    readonly to: readonly [Phase, boolean | undefined]
    readonly say?: boolean
  }[] = [
    {
      name: 'the first message',
      from: ['idle', false],
      happening: 'wake',
      to: ['active', true],
      say: true,
    },
    {
      name: 'a message before the first look',
      from: ['unknown', undefined],
      happening: 'wake',
      to: ['active', true],
      say: true,
    },
    { name: 'a message while it settles', from: ['settling', true], happening: 'wake', to: ['active', true] },
    {
      name: 'the first look finds something',
      from: ['unknown', undefined],
      happening: RUNS,
      to: ['active', true],
      say: true,
    },
    {
      name: 'the first look finds nothing',
      from: ['unknown', undefined],
      happening: NOTHING,
      to: ['settling', undefined],
    },
    {
      name: 'nor does the second',
      from: ['settling', undefined],
      happening: NOTHING,
      to: ['idle', false],
      say: false,
    },
    {
      name: 'a look finds what NATS did not tell',
      from: ['idle', false],
      happening: RUNS,
      to: ['active', true],
      say: true,
    },
    { name: 'it goes on', from: ['active', true], happening: RUNS, to: ['active', true] },
    {
      name: 'nobody runs what waits',
      from: ['active', true],
      happening: WAITS,
      to: ['active', true],
      say: true,
    },
    {
      name: 'the end of an activity',
      from: ['active', true],
      happening: NOTHING,
      to: ['settling', true],
      say: true,
    },
    {
      name: 'it has settled',
      from: ['settling', true],
      happening: NOTHING,
      to: ['idle', false],
      say: false,
    },
    { name: 'it stays idle', from: ['idle', false], happening: NOTHING, to: ['idle', false] },
    {
      name: 'NATS came back while it was idle',
      from: ['idle', false],
      happening: 'up',
      to: ['unknown', false],
    },
    {
      name: 'nothing came meanwhile',
      from: ['unknown', false],
      happening: NOTHING,
      to: ['settling', false],
    },
    {
      name: 'and nothing has to be said again',
      from: ['settling', false],
      happening: NOTHING,
      to: ['idle', false],
    },
    {
      name: 'NATS came back while it was active',
      from: ['active', true],
      happening: 'up',
      to: ['unknown', true],
    },
    { name: 'it still is', from: ['unknown', true], happening: RUNS, to: ['active', true] },
  ]
  for (const { name, from, happening, to, say } of cases) {
    const activity: Activity = { phase: from[0], word: from[1] }
    const step = next(activity, happening)
    t.same([step.activity.phase, step.activity.word], to, name)
    t.equal(step.say, say, `${name}: what is said`)
    t.not(step.activity, activity, 'a new object, by which an older answer is known')
  }
  t.end()
})

t.test('NATS is asked to tell of messages only while it matters', (t) => {
  t.equal(listens(NOTHING_KNOWN), true)
  t.equal(listens(next(NOTHING_KNOWN, 'wake').activity), false)
  t.equal(listens(next({ phase: 'active', word: true }, NOTHING).activity), true)
  t.end()
})
