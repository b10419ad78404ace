import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'

import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { eventually } from '../../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'
import { eventKey } from '../../queues/names.ts'
import { binary, createFixture, done, freshId, PERSON } from '../listener.fixture.ts'
import { talk } from '../process.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)

const DATA = JSON.stringify(PERSON)
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

async function listens(listener: FastifyInstance): Promise<number> {
  await listener.listen({ host: '127.0.0.1', port: 0 })
  return (listener.server.address() as AddressInfo).port
}

function event(id: string, more = ''): string {
  const attributes = `ce-specversion: 1.0\r\nce-type: a\r\nce-source: /s\r\nce-id: ${id}\r\n`
  return `${POST}${attributes}${more}Content-Length: ${DATA.length}\r\n\r\n${DATA}`
}

/** A connection on which something was sent, and what came back. */
async function open(t: Test, port: number, bytes: string) {
  const socket = connect(port, '127.0.0.1')
  const heard = { text: '', closed: false }
  t.teardown(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('close', () => (heard.closed = true))
  socket.setEncoding('latin1').on('data', (chunk: string) => (heard.text += chunk))
  await once(socket, 'connect')
  socket.write(bytes)
  return { socket, heard }
}

const until = (what: string, look: () => boolean) =>
  eventually(what, () => Promise.resolve(look()), { everyMs: 5, withinMs: 20_000 })

/** Waits until the listener has read so much of a connection. */
async function untilRead(listener: FastifyInstance, client: Socket, bytes: number): Promise<void> {
  const connections = new Set<Socket>()
  listener.server.on('request', ({ socket }: { socket: Socket }) => connections.add(socket))
  await until('it is read', () =>
    [...connections].some((each) => each.remotePort === client.localPort && each.bytesRead >= bytes),
  )
}

t.test('a connection has one request at a time that is handled', async (t) => {
  const port = await listens(fixture.app(t, { maxInFlight: 1 }))
  const ids = Array.from({ length: 10 }, freshId)
  const answers = await talk(
    port,
    ids.map((id, at) => event(id, at === ids.length - 1 ? 'Connection: close\r\n' : '')).join(''),
  )
  t.same(new Set(answers.map(({ status }) => status)), new Set([202]))
  t.same(
    answers.map(({ text }) => /"id":"([^"]+)"/.exec(text)?.[1]),
    ids,
  )
})

t.test('a client that sends too far ahead has its first answers, and is disconnected', async (t) => {
  const port = await listens(fixture.app(t))
  const question = `GET /events/${'a'.repeat(26)} HTTP/1.1\r\nHost: x\r\n\r\n`
  const answers = await talk(port, question.repeat(500))
  t.same(
    answers.map(({ status }) => status),
    [...Array.from({ length: 10 }, () => 404), 429],
  )
  t.equal((await talk(port, event(freshId(), 'Connection: close\r\n')))[0]?.status, 202)
})

t.test(
  'when there are too many connections, the one goes that has sent no request for longest',
  async (t) => {
    const listener = fixture.app(t, { maxConnections: 4, exposeResults: true })
    const port = await listens(listener)
    const id = freshId()
    const waiting = await open(t, port, event(id, 'Prefer: wait=30\r\n'))
    await fixture.untilQueued(eventKey('/s', id))
    const silent = await open(t, port, '')
    const slow = await open(t, port, `${POST}Content-Length: 100\r\n\r\n{`)
    const headers = await open(t, port, POST)
    const send = async () => {
      const { socket, heard } = await open(t, port, event(freshId()))
      await until('it is answered', () => heard.text.startsWith('HTTP/1.1 202'))
      return { socket, heard }
    }
    for (const [name, gone] of [
      ['one that says nothing', silent],
      ['one whose body does not end', slow],
      ['one whose headers do not end', headers],
    ] as const) {
      const sent = await send()
      await until(`${name} goes`, () => gone.heard.closed)
      t.notOk(waiting.heard.closed, `${name} goes, and not one whose request is handled`)
      sent.socket.destroy()
      await until('its place is free', () => sent.heard.closed)
      await open(t, port, '')
    }
    await fixture.settle(eventKey('/s', id), done(eventKey('/s', id)))
    await until('the outcome is told', () => waiting.heard.text.startsWith('HTTP/1.1 204'))
  },
)

t.test('what has arrived of requests has a room, and the slowest lose theirs', async (t) => {
  const cases = [
    { name: 'headers that do not end', count: 20, bytes: `${POST}x: ${'x'.repeat(60_000)}` },
    {
      name: 'bodies that do not end',
      count: 3,
      bytes: `${POST}Content-Length: 500001\r\n\r\n${' '.repeat(500_000)}`,
    },
  ]
  for (const { name, count, bytes } of cases) {
    const listener = fixture.app(t, { maxInFlight: 1 })
    const port = await listens(listener)
    const slow = await Promise.all(Array.from({ length: count }, () => open(t, port, bytes)))
    await until(`${name}: one is refused`, () =>
      slow.some(({ heard }) => heard.text.includes('TOO_MANY_REQUESTS')),
    )
    const refused = () => slow.filter(({ heard }) => heard.text.startsWith('HTTP/1.1 429')).length
    t.ok(refused() < count, `${name}: ${refused()} of ${count} are refused, as many as there is no room for`)
    const large = { ...PERSON, lastName: 'x'.repeat(60_000) }
    const answer = await listener.inject(binary({}, JSON.stringify(large)))
    t.equal(answer.statusCode, 202, `${name}: one that comes at once has room`)
  }
})

t.test('a connection that sends many small parts rests', async (t) => {
  const listener = fixture.app(t)
  const port = await listens(listener)
  const parts = 200_000
  const { socket, heard } = await open(
    t,
    port,
    `${POST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
  )
  const part = '1\r\n \r\n'
  const read = untilRead(listener, socket, 1)
  socket.write(part.repeat(parts))
  await read
  const answer = await listener.inject(binary())
  t.equal(answer.statusCode, 202)
  t.equal(heard.text, '', 'another is answered before all of them are read')
  socket.write(`${Buffer.byteLength(DATA).toString(16)}\r\n${DATA}\r\n0\r\n\r\n`)
  await until('it is answered', () => heard.closed)
  t.match(heard.text, /^HTTP\/1\.1 4\d\d /, 'bare data needs a list, and all parts came')
})
