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
