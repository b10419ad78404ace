import t from 'tap'

import { createExecutionSlots } from './execution-slots.ts'
import { prefetch } from './prefetch.ts'
import { roomLimits } from '../../queues/room.ts'
import { grown, mostUndone, mustMeasure, pullMode, type KnownBytes } from './room.ts'

t.test('as much is held as can start within 200 ms', (t) => {
  const cases = [
    { concurrency: 4, meanMs: Infinity, want: 0 },
    { concurrency: 4, meanMs: 10_000, want: 0 },
    { concurrency: 4, meanMs: 100, want: 8 },
    { concurrency: 1, meanMs: 1, want: 200 },
    { concurrency: 4, meanMs: 0, want: 256 },
  ]
  for (const { concurrency, meanMs, want } of cases)
    t.equal(prefetch(concurrency, meanMs, 256), want, `${meanMs} ms`)
  t.end()
})

const MiB = 2 ** 20
const LIMITS = roomLimits(10 * MiB)
const known = (total: number, dead = 0, waiting = 0, growth = 0): KnownBytes => ({
  total: total * MiB,
  measured: { dead: dead * MiB, waiting: waiting * MiB },
  growth: growth * MiB,
})

t.test('what is known of the stream of events decides what is measured, pulled and stored', (t) => {
  const cases = [
    { name: 'an empty stream', is: known(0), measure: false, mode: 'all', most: known(0) },
    { name: 'a stream that is not there', is: undefined, measure: false, mode: 'nothing', most: known(0) },
    {
      name: 'as much as may be dead',
      is: known(10, 0, 0, 10),
      measure: true,
      mode: 'records',
      most: known(0, 10, 10),
    },
    { name: 'all of it done', is: known(12), measure: false, mode: 'all', most: known(0) },
    { name: 'too much of it done', is: known(13), measure: true, mode: 'all', most: known(0) },
    {
      name: 'a little growth since',
      is: known(12, 1, 2, 3),
      measure: false,
      mode: 'all',
      most: known(0, 4, 5),
    },
    {
      name: 'half of the room waits',
      is: known(12, 0, 10),
      measure: true,
      mode: 'records',
      most: known(0, 0, 10),
    },
    {
      name: 'more growth than there is',
      is: known(2, 1, 1, 5),
      measure: false,
      mode: 'all',
      most: known(0, 2, 2),
    },
  ] as const
  for (const { name, is, measure, mode, most } of cases) {
    t.equal(pullMode(is, LIMITS), mode, name)
    if (is === undefined) continue
    t.equal(mustMeasure(is, LIMITS), measure, name)
    t.same(mostUndone(is), most.measured, name)
  }
  t.same(grown(undefined, 5), { total: 5, measured: { dead: 0, waiting: 0 }, growth: 5 })
  t.same(grown(known(1, 0, 0, 2), 3 * MiB), known(3, 0, 0, 4))
  t.same(grown(known(3, 1, 0, 2), MiB), known(1, 1, 0, 2), 'what goes is not told apart')
  t.equal(pullMode(known(1e9), roomLimits(-1)), 'all', 'no limit')
  t.end()
})

t.test('places are given first come, first served, and all at once to one that asks for that', async (t) => {
  const slots = createExecutionSlots(() => 2)
  const order: string[] = []
  const take = async (name: string, alone: boolean) => {
    const release = await slots.acquire(alone)
    order.push(name)
    return release
  }
  const first = await take('first', false)
  const alone = take('alone', true)
  const late = take('late', false)
  await Promise.resolve()
  t.same(order, ['first'], 'the one alone waits, and the late one behind it, though there is room')
  first()
  first()
  const release = await alone
  t.same(order, ['first', 'alone'])
  release()
  await late
  t.same(order, ['first', 'alone', 'late'])
})
