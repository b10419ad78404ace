import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

import t from 'tap'

import { JobicoError } from '../../process/errors.ts'
import { readBody } from './body.ts'

const LIMIT = 1_000
const free = () => undefined

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
  const body = readBody(incoming, LIMIT, free)
  arrive(incoming, ['{"a"', ':1}'])
  t.equal((await body).toString(), '{"a":1}')
})

t.test('parts count for more than their bytes', async (t) => {
  const taken: number[] = []
  const incoming = request()
  const body = readBody(incoming, LIMIT, (bytes) => taken.push(bytes))
  arrive(
    incoming,
    Array.from({ length: 100 }, () => 'x'),
  )
  t.equal((await body).length, 100)
  t.ok(taken.reduce((sum, bytes) => sum + bytes, 0) > 100 * 200, 'as each takes memory of its own')
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
    const body = readBody(incoming, LIMIT, take)
    arriving(incoming)
    await t.rejects(body, { code })
  })
}
