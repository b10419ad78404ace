import { once } from 'node:events'
import { connect as connectSocket, type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'

import type { FastifyInstance } from 'fastify'
import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { eventKey } from '../../queues/names.ts'
import { createMetrics } from '../metrics.ts'
import { binary, createFixture, freshId, STRUCTURED, structuredEvent } from '../listener.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)

/** Listens, sends bytes as they are, and gives all that came back until the end of the connection. */
async function talk(listener: FastifyInstance, parts: readonly string[]): Promise<string> {
  if (!listener.server.listening) await listener.listen({ host: '127.0.0.1', port: 0 })
  const socket = connectSocket((listener.server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => undefined)
  for (const part of parts) socket.write(part)
  await once(socket, 'close')
  return text
}

t.test('what Node refuses is a problem document too', async (t) => {
  const listener = fixture.app(t, { requestTimeoutMs: 300 })
  const post = 'POST / HTTP/1.1\r\nHost: x\r\n'
  const cases = [
    {
      name: 'too many headers',
      parts: [`${post}x: ${'x'.repeat(200_000)}\r\n\r\n`],
      want: '413',
      code: 'TOO_LARGE',
    },
    { name: 'no HTTP', parts: ['HELLO\r\n\r\n'], want: '400', code: 'REQUEST_INVALID' },
    {
      name: 'two lengths',
      parts: [`${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
      want: '400',
      code: 'REQUEST_INVALID',
    },
    {
      name: 'no host',
      parts: ['GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n'],
      want: '400',
      code: 'REQUEST_INVALID',
    },
    { name: 'slow headers', parts: [post], want: '408', code: 'REQUEST_TIMEOUT' },
    {
      name: 'slow body',
      parts: [`${post}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{`],
      want: '408',
      code: 'REQUEST_TIMEOUT',
    },
    {
      name: 'broken chunk',
      parts: [`${post}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`],
      want: '400',
      code: 'REQUEST_INVALID',
    },
    {
      name: 'chunks beyond the limit',
      parts: [
        `${post}Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
        ...Array.from({ length: 20 }, () => `10000\r\n${'x'.repeat(65_536)}\r\n`),
        '0\r\n\r\n',
      ],
      want: '413',
      code: 'TOO_LARGE',
    },
  ]
  for (const { name, parts, want, code } of cases) {
    const text = await talk(listener, parts)
    t.match(text, new RegExp(`^HTTP/1.1 ${want} `), name)
    t.match(text, `"code":"${code}"`, name)
    t.match(text, 'application/problem+json', name)
    t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, `${name}: one answer`)
  }
})

t.test('pipelined requests are answered in order', async (t) => {
  const listener = fixture.app(t)
  const ids = [freshId(), freshId(), freshId()]
  const parts = ids.map((id, index) => {
    const body = JSON.stringify(structuredEvent({ id }))
    const last = index === ids.length - 1 ? 'Connection: close\r\n' : ''
    return `POST / HTTP/1.1\r\nHost: x\r\n${last}Content-Type: ${STRUCTURED}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  })
  const text = await talk(listener, [parts.join('')])
  t.same(
    [...text.matchAll(/"id":"([^"]+)"/g)].map((match) => match[1]),
    ids,
  )
})

t.test('a client that leaves while it waits leaves nothing behind', async (t) => {
  const metrics = createMetrics('ev1')
  const listener = fixture.app(t, { metrics, exposeResults: true, maxInFlight: 1 })
  await listener.listen({ host: '127.0.0.1', port: 0 })
  const body = JSON.stringify(structuredEvent({ id: 'leaver' }))
  const socket = connectSocket((listener.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\nContent-Type: ${STRUCTURED}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await fixture.untilQueued(eventKey('/s', 'leaver'))
  socket.destroy()
  let answer = await listener.inject(binary())
  while (answer.statusCode === 429) {
    await setImmediate()
    answer = await listener.inject(binary())
  }
  t.equal(answer.statusCode, 202)
  t.match(await metrics.registry.metrics(), 'jobico_listener_requests_total{code="0",event="ev1"} 1')
})
