import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

import t from 'tap'

import { JobicoError } from '../../process/errors.ts'
import { createByteBudget } from './byte-budget.ts'

const LIMIT = 100
const full = (held: number) => new JobicoError('TOO_MANY_REQUESTS', `${held} bytes are held`)

interface Held {
  readonly bytes: number
  /** Whether it arrives still, so that it may lose its bytes. */
  readonly arrives: boolean
}

const arriving = (bytes: number): Held => ({ bytes, arrives: true })
const complete = (bytes: number): Held => ({ bytes, arrives: false })

/** All have begun at the same time, so who holds less is slower. */
const cases: readonly {
  readonly name: string
  readonly held: readonly Held[]
  readonly asks: number
  /** The indices of those that lose their bytes, in this order; undefined: the one that asks is refused. */
  readonly evicted: readonly number[] | undefined
}[] = [
  { name: 'there is room', held: [arriving(40), complete(50)], asks: 10, evicted: [] },
  {
    name: 'one that asks for no more than its share gets it from the slowest that hold more',
    held: [arriving(50), arriving(40)],
    asks: 20,
    evicted: [1],
  },
  {
    name: 'one that asks for more gets it from slower ones, from as many as are needed',
    held: [arriving(40), arriving(50)],
    asks: 60,
    evicted: [0, 1],
  },
  {
    name: 'those that hold more than their share go before slower ones',
    held: [arriving(2), arriving(3), arriving(45), arriving(40)],
    asks: 50,
    evicted: [3],
  },
  {
    name: 'a slower one gets nothing from quicker ones',
    held: [arriving(50), arriving(50)],
    asks: 45,
    evicted: undefined,
  },
  {
    name: 'what is complete keeps its bytes',
    held: [complete(60), complete(40)],
    asks: 10,
    evicted: undefined,
  },
  {
    name: 'nobody loses bytes for one that can not be served',
    held: [arriving(10), complete(85)],
    asks: 20,
    evicted: undefined,
  },
]

for (const { name, held, asks, evicted } of cases) {
  t.test(name, (t) => {
    const budget = createByteBudget(LIMIT, full, () => 0)
    const lost: number[] = []
    held.forEach(({ bytes, arrives }, at) => {
      const owner = new Socket()
      budget.take(bytes, owner)
      budget.mayEvict(owner, ({ code }) => {
        t.equal(code, 'TOO_MANY_REQUESTS')
        lost.push(at)
      })
      if (!arrives) budget.keep(owner)
    })
    const ask = () => budget.take(asks, new ServerResponse(new IncomingMessage(new Socket())))
    if (evicted === undefined) t.throws(ask, { code: 'TOO_MANY_REQUESTS' })
    else t.doesNotThrow(ask)
    t.same(lost, evicted ?? [])
    t.end()
  })
}

t.test('what was released or closed holds nothing', (t) => {
  const budget = createByteBudget(LIMIT, full)
  const [one, other] = [new Socket(), new Socket()]
  for (let round = 0; round < 20; round++) {
    budget.take(LIMIT, one)
    budget.release(one)
  }
  t.equal(one.listenerCount('close'), 1, 'one that comes again and again is not listened to again')
  budget.take(LIMIT, one)
  one.emit('close')
  budget.take(LIMIT, other)
  t.throws(() => budget.take(1, one), { code: 'TOO_MANY_REQUESTS' })
  t.end()
})
