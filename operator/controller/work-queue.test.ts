import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'

import fc from 'fast-check'
import t from 'tap'

import { createWorkQueue, type QueueOptions } from './work-queue.ts'

const FOREVER_MS = 2 ** 40

/** A queue that remembers what it worked on, and waits until it has done so often enough. */
function recorded(options: Partial<QueueOptions> = {}) {
  const worked: string[] = []
  const { work = () => Promise.resolve(undefined) } = options
  const queue = createWorkQueue({
    concurrency: 1,
    onError: () => undefined,
    ...options,
    work(key, signal) {
      worked.push(key)
      return work(key, signal)
    },
  })
  const until = async (count: number) => {
    while (worked.length < count) await delay(1)
  }
  return { ...queue, worked, until }
}

t.test('a key waits once, in its turn', async (t) => {
  const queue = recorded()
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
  t.equal(queue.size(), 3)
  await queue.until(3)
  await queue.stop()
  t.same(queue.worked, ['a', 'b', 'c'])
  t.equal(queue.size(), 0)
})

t.test('a key that is added while it is worked on comes again, after that', async (t) => {
  const gate = Promise.withResolvers<undefined>()
  const queue = recorded({ concurrency: 5, work: () => gate.promise })
  queue.add('a')
  await queue.until(1)
  queue.add('a')
  queue.addAfter('a', 1)
  queue.add('b')
  await queue.until(2)
  t.same(queue.worked, ['a', 'b'])
  gate.resolve(undefined)
  await queue.until(3)
  await queue.stop()
  t.same(queue.worked, ['a', 'b', 'a'])
})

t.test('no more keys are worked on at once than allowed', async (t) => {
  let now = 0
  let most = 0
  const queue = recorded({
    concurrency: 2,
    async work() {
      most = Math.max(most, ++now)
      await delay(1)
      now--
      return undefined
    },
  })
  for (const key of 'abcdefgh') queue.add(key)
  await queue.until(8)
  await queue.stop()
  t.equal(most, 2)
})

t.test('what fails is tried again, later each time until it succeeds', async (t) => {
  const told: [string, unknown, number][] = []
  const outcomes = [false, false, false, true, false, true]
  const queue = recorded({
    work: (key) => (outcomes.shift() === false ? Promise.reject(new Error(key)) : Promise.resolve(undefined)),
    onError: (...what) => told.push(what),
  })
  queue.add('a')
  await queue.until(4)
  queue.add('a')
  await queue.until(6)
  await queue.stop()
  t.same(
    told.map(([key, fault]) => [key, fault]),
    Array.from({ length: 4 }, () => ['a', new Error('a')]),
  )
  const most = [200, 400, 800, 200]
  for (const [index, [, , retryMs]] of told.entries())
    t.ok(retryMs <= (most[index] ?? 0) && retryMs >= (most[index] ?? 0) / 2, `${retryMs} ms`)
})

t.test('work that throws at once fails, too', async (t) => {
  const queue = recorded({
    work() {
      throw new Error('no promise')
    },
    onError: (_key, fault) => t.match(fault, { message: 'no promise' }),
  })
  queue.add('a')
  await queue.until(2)
  await queue.stop()
})

t.test('the earliest time wins', async (t) => {
  const answers = [FOREVER_MS, 1, undefined, FOREVER_MS, FOREVER_MS]
  const queue = recorded({ work: () => Promise.resolve(answers.shift()) })
  queue.addAfter('a', FOREVER_MS)
  queue.addAfter('b', FOREVER_MS)
  t.equal(queue.size(), 0, 'what waits for its time is not ready')
  queue.addAfter('a', 1)
  await queue.until(1)
  await turn()
  queue.add('a')
  await queue.until(3)
  t.same(queue.worked, ['a', 'a', 'a'], 'now, and once more after the 1 ms that it asked for')
  queue.addAfter('a', FOREVER_MS)
  queue.addAfter('a', 2)
  await queue.until(4)
  await queue.stop()
})

t.test('stopping waits for what runs, and takes up nothing more', async (t) => {
  let isOver = false
  const queue = recorded({
    async work(_key, signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await delay(5)
      isOver = true
      return 1
    },
  })
  queue.add('a')
  await queue.until(1)
  queue.add('b')
  queue.addAfter('c', 1)
  await queue.stop()
  t.ok(isOver)
  queue.add('d')
  await delay(5)
  t.same(queue.worked, ['a'])
})

t.test('every key that was added is worked on after that, and by nobody else meanwhile', async (t) => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.record({ key, afterMs: fc.constantFrom(undefined, 0, 1), turns: fc.nat(2) })
  const takesMs = fc.array(fc.constantFrom(0, 1, 2), { minLength: 1 })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), takesMs, async (steps, times) => {
      const running = new Set<string>()
      const open = new Set<string>()
      let starts = 0
      const queue = recorded({
        concurrency: 2,
        async work(key) {
          if (running.has(key)) throw new Error('worked on twice at once')
          running.add(key)
          open.delete(key)
          await delay(times[starts++ % times.length])
          running.delete(key)
          return undefined
        },
        onError: (_key, fault) => t.error(fault),
      })
      for (const { key, afterMs, turns } of steps) {
        open.add(key)
        if (afterMs === undefined) queue.add(key)
        else queue.addAfter(key, afterMs)
        for (let passed = 0; passed < turns; passed++) await turn()
      }
      while (open.size > 0) await delay(1)
      await queue.stop()
    }),
    { numRuns: 50 },
  )
})
