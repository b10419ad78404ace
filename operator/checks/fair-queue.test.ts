import { setImmediate as turn } from 'node:timers/promises'

import t from 'tap'

import { createFairQueue } from './fair-queue.ts'

/** A queue whose tasks end when the test says so, after a time by its own clock. */
function stage() {
  let nowMs = 0
  const queue = createFairQueue({ slots: 2, now: () => nowMs })
  const running = new Map<string, () => void>()
  return {
    add(name: string, large = false) {
      const [tenant = ''] = name.split('/')
      void queue.run(tenant, large, async () => {
        await new Promise<void>((resolve) => running.set(name, resolve))
      })
    },
    /** The names of the tasks that run. */
    running: () => [...running.keys()],
    async end(name: string, afterMs: number) {
      nowMs += afterMs
      running.get(name)?.()
      running.delete(name)
      await turn()
    },
    wait: (ms: number) => (nowMs += ms),
  }
}

t.test('a tenant has one slot, whatever it asks for', async (t) => {
  const { add, running, end } = stage()
  for (const name of ['bad/1', 'bad/2', 'bad/3', 'good/1']) add(name)
  t.same(running(), ['bad/1', 'good/1'])
  await end('good/1', 10)
  t.same(running(), ['bad/1'], 'the other slot stays for others')
  await end('bad/1', 10)
  t.same(running(), ['bad/2'])
})

t.test('those who have used the least go first, else the first', async (t) => {
  const { add, running, end } = stage()
  for (const name of ['a/1', 'b/1', 'a/2', 'c/1', 'd/1']) add(name)
  await end('a/1', 1_000)
  t.same(running(), ['b/1', 'c/1'])
  await end('b/1', 1_000)
  await end('c/1', 10)
  t.same(running(), ['d/1', 'a/2'])
})

t.test('those who have used much share one slot, and one is always for others', async (t) => {
  const { add, running, end, wait } = stage()
  for (const name of ['a/1', 'b/1']) add(name)
  await end('a/1', 10_000)
  await end('b/1', 0)
  for (const name of ['a/2', 'b/2', 'a/3', 'b/3']) add(name)
  t.same(running(), ['a/2'])
  add('good/1')
  t.same(running(), ['a/2', 'good/1'], 'at once')
  await end('good/1', 10)
  t.same(running(), ['a/2'])
  await end('a/2', 10_000)
  t.same(running(), ['b/2'])
  wait(3_600_000)
  await end('b/2', 0)
  t.equal(running().length, 2, 'an hour later it is forgotten')
})

t.test('of large tasks one runs at a time', async (t) => {
  const { add, running, end } = stage()
  add('a/1', true)
  add('b/1', true)
  t.same(running(), ['a/1'])
  add('c/1')
  t.same(running(), ['a/1', 'c/1'])
  await end('a/1', 10)
  t.same(running(), ['c/1', 'b/1'])
})

t.test('what a task gives or throws goes to its caller, and the queue goes on', async (t) => {
  const queue = createFairQueue({ slots: 2 })
  const failing = queue.run('a', false, () => Promise.reject(new Error('no')))
  const next = queue.run('a', false, () => Promise.resolve(7))
  await t.rejects(failing, { message: 'no' })
  t.equal(await next, 7)
})
