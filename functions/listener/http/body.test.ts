import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

import t from 'tap'

import { JobicoError } from '../../process/errors.ts'
import { readBody, type BodyLimits } from './body.ts'

const LIMIT = 1_000
const free = () => undefined
const limits = (take: BodyLimits['take'] = free): BodyLimits => ({
  ...{ take, arriving: free, arrived: free },
  restMs: () => 0,
})

function request(): IncomingMessage {
  return new IncomingMessage(new Socket())
}

/** Sends parts, and ends. */
function arrive(incoming: IncomingMessage, parts: readonly string[]): void {
  for (const part of parts) incoming.push(part)
  incoming.push(null)
}

t.test('a body is what came', async (t) => {
  const incoming = request()
  const body = readBody(incoming, LIMIT, limits())
  arrive(incoming, ['{"a"', ':1}'])
  t.equal((await body).toString(), '{"a":1}')
})

t.test('small parts are put together, so that they take no more memory than their bytes', async (t) => {
  const sizes = [1, 1, 5_000, 1, ...Array.from({ length: 30_000 }, () => 1), 16_000, 1]
  const sent = sizes.map((size, at) => String.fromCharCode(97 + (at % 26)).repeat(size))
  let taken = 0
  const incoming = request()
  const body = readBody(
    incoming,
    100_000,
    limits((bytes) => void (taken += bytes)),
  )
  arrive(incoming, sent)
  t.equal((await body).toString(), sent.join(''))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  t.ok(taken < total + 4 * 17 * 1024, `${taken} bytes of memory for ${total}`)
})

t.test('a body that loses its memory to another is refused', async (t) => {
  const incoming = request()
  const lost = Promise.withResolvers<Parameters<BodyLimits['arriving']>[0]>()
  const body = readBody(incoming, LIMIT, { ...limits(), arriving: lost.resolve })
  incoming.push('x')
  ;(await lost.promise)(new JobicoError('TOO_MANY_REQUESTS', 'another is quicker'))
  await t.rejects(body, { code: 'TOO_MANY_REQUESTS' })
})

const faults: readonly [
  name: string,
  code: string,
  take: () => void,
  arriving: (incoming: IncomingMessage) => void,
][] = [
  ['one that is too large', 'TOO_LARGE', free, (incoming) => arrive(incoming, ['x'.repeat(LIMIT + 1)])],
  ['one for which there is no room', 'TOO_MANY_REQUESTS', noRoom, (incoming) => arrive(incoming, ['x'])],
  [
    'one that breaks off',
    'REQUEST_INVALID',
    free,
    (incoming) => {
      incoming.push('x')
      incoming.destroy()
    },
  ],
]

function noRoom(): never {
  throw new JobicoError('TOO_MANY_REQUESTS', 'there is no room')
}

for (const [name, code, take, arriving] of faults) {
  t.test(name, async (t) => {
    const incoming = request()
    const body = readBody(incoming, LIMIT, limits(take))
    arriving(incoming)
    await t.rejects(body, { code })
  })
}
