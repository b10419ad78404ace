import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

import t from 'tap'

import { createLoadLimits } from './load-limits.ts'

const MiB = 2 ** 20
const exchange = () => new ServerResponse(new IncomingMessage(new Socket()))
const isFull = { code: 'TOO_MANY_REQUESTS', message: /send again later/ }

t.test('so many requests are handled at once', async (t) => {
  const load = createLoadLimits(1)
  const turn = Promise.withResolvers<string>()
  const first = load.handle(() => turn.promise)
  await t.rejects(
    load.handle(() => Promise.resolve('second')),
    isFull,
  )
  turn.resolve('first')
  t.equal(await first, 'first')
  await t.rejects(
    load.handle(() => Promise.reject(new Error('broken'))),
    { message: 'broken' },
  )
  t.equal(await load.handle(() => Promise.resolve('third')), 'third', 'one that failed has made room')
})

t.test('those that are too many have their turn, first come, first served', async (t) => {
  const load = createLoadLimits(1)
  const turn = Promise.withResolvers<undefined>()
  const order: number[] = []
  const all = [0, 1, 2].map((at) =>
    load.look(async () => {
      order.push(at)
      await turn.promise
    }),
  )
  t.same(order, [], 'each in a turn of its own')
  const event = load.handle(() => Promise.resolve('an event'))
  t.equal(await event, 'an event', 'looks keep no event out')
  t.same(order, [0])
  turn.resolve(undefined)
  await Promise.all(all)
  t.same(order, [0, 1, 2])
})

t.test('one that would wait beyond the bound is told at once', async (t) => {
  const load = createLoadLimits(1)
  const turn = Promise.withResolvers<string>()
  const first = load.wait(() => turn.promise)
  t.equal(await load.wait(() => Promise.resolve('second')), undefined)
  t.equal(await load.handle(() => Promise.resolve('an event')), 'an event', 'waits keep no event out')
  turn.resolve('first')
  t.equal(await first, 'first')
  t.equal(await load.wait(() => Promise.resolve('third')), 'third')
})

t.test('small parts of all connections together are so many a second', (t) => {
  const { restMs } = createLoadLimits(1)
  const [first, second] = [Math.floor(restMs(100_000)), Math.floor(restMs(100_000))]
  t.ok(first >= 900 && first <= 1_000, `${first} ms`)
  t.ok(second >= 1_900 && second <= 2_000, `${second} ms`)
  t.end()
})

t.test('what exchanges hold is bounded in all, and free again when they are over', (t) => {
  const { requests: bodies, responses: answers } = createLoadLimits(2)
  const [one, other] = [exchange(), exchange()]
  bodies.take(MiB, one)
  bodies.take(MiB, other)
  t.throws(() => bodies.take(1, other), isFull)
  t.doesNotThrow(() => answers.take(MiB / 2, other), 'answers have a room of their own')
  t.throws(() => answers.take(1, one), isFull)
  one.emit('close')
  bodies.take(MiB / 2, other)
  bodies.take(MiB / 2, other)
  t.throws(() => bodies.take(1, exchange()), isFull)
  other.emit('close')
  bodies.take(2 * MiB, exchange())
  t.end()
})
