import t from 'tap'

import { createExecutionSlots } from './execution-slots.ts'
import { prefetch } from './prefetch.ts'
import { pullMode } from './pull-gate.ts'

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

t.test('what may be pulled follows from the sizes of the streams', (t) => {
  const MiB = 2 ** 20
  const sizes = { queueMaxBytes: 10 * MiB, retryBytes: 0, outcomes: { bytes: 0, maxBytes: 10 * MiB } }
  const cases = [
    { name: 'all, as a rule', sizes, want: 'all' },
    { name: 'nothing without outcomes', sizes: { ...sizes, outcomes: undefined }, want: 'nothing' },
    { name: 'nothing without retries', sizes: { ...sizes, retryBytes: undefined }, want: 'nothing' },
    {
      name: 'nothing while outcomes are full',
      sizes: { ...sizes, outcomes: { bytes: 10 * MiB - 1, maxBytes: 10 * MiB } },
      want: 'nothing',
    },
    {
      name: 'all while outcomes have no limit',
      sizes: { ...sizes, outcomes: { bytes: 99 * MiB, maxBytes: -1 } },
      want: 'all',
    },
    {
      name: 'retries only while those are too many',
      sizes: { ...sizes, retryBytes: 11 * MiB },
      want: 'retries',
    },
    {
      name: 'a small stream is not full from the start',
      sizes: { ...sizes, outcomes: { bytes: 0, maxBytes: 1_000 } },
      want: 'all',
    },
  ]
  for (const { name, sizes, want } of cases) t.equal(pullMode(sizes), want, name)
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
