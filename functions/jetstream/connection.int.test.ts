import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import t from 'tap'

import { startNatsServer, type NatsServer } from '../../scripts/nats-server/start.ts'
import { closeNats, connectNats } from './connection.ts'
import { eventSubjects, streamNames } from '../queues/names.ts'
import { publish, publishBatch } from './publish.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { createRequests, type Requests } from './requests.ts'
import { eventState } from '../outcomes/event-state.ts'
import { deleteMessage, lastMessage } from './stored-message.ts'
import type { QueuePlan } from '../queues/stream-config.ts'
import { verdictHeaders, type Verdict } from '../outcomes/verdict.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

const MiB = 2 ** 20
let server: NatsServer
let connection: NatsConnection
let manager: JetStreamManager
let requests: Requests
let jobs = 0

t.before(async () => {
  server = await startNatsServer({ storeDir: testFolder(t) })
  connection = await connectNats({ url: server.url, name: 'test' })
  manager = await jetstreamManager(connection)
  requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
    await server.stop()
  })
})

function newPlan(): QueuePlan {
  return {
    ref: { namespace: 'shared', job: `job-${++jobs}` },
    queue: { storage: 'File', maxBytes: 8 * MiB, duplicateWindowSeconds: 120, replicas: 1 },
    events: ['ev1'],
    metadata: { 'jobico.coeux.dev/uid': 'abc' },
  }
}

function message(subject: string, id: string, payload = 'x') {
  const fields = headers()
  fields.set('Nats-Msg-Id', id)
  return { subject, headers: fields, payload }
}

t.test('what JetStream says to a publish', async (t) => {
  const plan = newPlan()
  await ensureQueues(connection, { ...plan, queue: { ...plan.queue, maxBytes: 40_000 } })
  const subjects = eventSubjects({ ...plan.ref, event: 'ev1' })
  const one = (key: string, id: string, payload?: string) => message(subjects.queued(key), id, payload)
  t.match(await publish(requests, one('a', '1')), { stored: true, duplicate: false })
  t.match(await publish(requests, one('a', '1')), { stored: true, duplicate: true }, 'the same id')
  t.match(
    await publish(requests, one('a', '2')),
    { stored: false, refusal: 'subject-taken' },
    'the same subject',
  )
  t.match(await publishBatch(requests, [one('b', '3'), one('c', '4')]), { stored: true })
  t.match(await publishBatch(requests, [one('d', '5'), one('e', '4')]), {
    stored: false,
    refusal: 'duplicate-in-batch',
  })
  t.match(await publishBatch(requests, [one('d', '5'), one('a', '6')]), {
    stored: false,
    refusal: 'subject-taken',
  })
  t.equal(
    await lastMessage(requests, streamNames(plan.ref).queue, subjects.queued('d')),
    undefined,
    'all or none',
  )
  t.match(await publish(requests, one('f', '7', 'x'.repeat(50_000))), { stored: false, refusal: 'full' })
  await t.rejects(publish(requests, message('nobody.listens', '1')), { code: 'QUEUE_UNAVAILABLE' })
  await t.rejects(publishBatch(requests, []), { name: 'RangeError' })
})

t.test('an event is found wherever it is', async (t) => {
  const plan = newPlan()
  await ensureQueues(connection, plan)
  const ref = { ...plan.ref, event: 'ev1' }
  const subjects = eventSubjects(ref)
  const state = async () => (await eventState(requests, ref, 'key')).state
  t.equal(await state(), 'unknown')
  const queued = await publish(requests, message(subjects.queued('key'), '1'))
  t.equal(await state(), 'pending', 'in the queue')
  await publish(requests, message(subjects.record('key', 'due'), '1'))
  await deleteMessage(requests, streamNames(ref).queue, queued.stored ? queued.seq : 0)
  t.equal(await state(), 'pending', 'among the retries')
  const facts = { attempts: 2, module: 'sha256-0', time: '2026-01-01T00:00:00.000Z' }
  const dead: Verdict = { kind: 'dead', code: 'REJECTED', reason: 'nö\n', errors: [], ...facts }
  await publish(requests, { subject: subjects.record('key', 'dead'), headers: verdictHeaders(dead) })
  t.match(await eventState(requests, ref, 'key'), { state: 'dead', verdict: dead })
  await publish(requests, message(subjects.record('key', 'due'), '2'))
  t.equal(await state(), 'pending', 'redriven')
  const result = {
    attributes: { specversion: '1.0', id: 'key', source: '/s', type: 't' },
    data: undefined,
    trace: {},
  }
  const done: Verdict = { kind: 'done', result, ...facts }
  await publish(requests, { subject: subjects.record('key', 'done'), headers: verdictHeaders(done) })
  await publish(requests, message(subjects.queued('key'), '3'))
  t.match(
    await eventState(requests, ref, 'key'),
    { state: 'done', verdict: done },
    'done counts, whatever else is there',
  )
  await manager.streams.delete(streamNames(ref).events)
  await t.rejects(
    eventState(requests, ref, 'key'),
    { code: 'QUEUE_UNAVAILABLE' },
    'never unknown for want of a stream',
  )
})

t.test('a lost server is noticed at once, and found again', async (t) => {
  const other = await startNatsServer({ storeDir: testFolder(t) })
  const link = await connectNats({ url: other.url, name: 'test' })
  const asked = createRequests(link)
  t.teardown(async () => {
    asked.close()
    await closeNats(link)
  })
  await other.stop()
  while (asked.isOnline()) await delay(5)
  const began = performance.now()
  await t.rejects(asked.send({ subject: 'x' }), { code: 'QUEUE_UNAVAILABLE' })
  t.ok(performance.now() - began < 1_000)
  const again = await startNatsServer({ storeDir: t.testdirName, port: other.port })
  t.teardown(() => again.stop())
  while (!asked.isOnline()) await delay(5)
  t.ok((await asked.send({ subject: '$JS.API.INFO' })).data.length > 0)
})

for (const { name, bytes, oneOfMany = false } of [
  { name: 'that has little to send', bytes: 10 },
  { name: 'that has more to send than the socket takes', bytes: 4 * MiB },
  { name: 'with many connections, one of which has something to send', bytes: 10, oneOfMany: true },
  { name: 'with many connections that are idle', bytes: 0, oneOfMany: true },
]) {
  t.test(`a server that stands still is left for another one, by a client ${name}`, async (t) => {
    const folder = testFolder(t)
    const servers = await Promise.all(
      ['one', 'two'].map((name) => startNatsServer({ storeDir: join(folder, name) })),
    )
    const link = await connectNats({ url: servers.map(({ url }) => url).join(','), name: 'test', oneOfMany })
    t.teardown(() => closeNats(link))
    const first = link.getServer()
    const stopped = servers.find(({ url }) => url === `nats://${first}`)
    if (stopped === undefined) throw new Error(`${first} is none of the servers`)
    process.kill(stopped.pid, 'SIGSTOP')
    t.teardown(async () => {
      process.kill(stopped.pid, 'SIGCONT')
      await Promise.all(servers.map((each) => each.stop()))
    })
    for (let sent = 0; sent < bytes; sent += 10_000) link.publish('x', new Uint8Array(10_000))
    await eventually('the client is with the other server', () =>
      Promise.resolve(link.getServer() !== first && link.info !== undefined),
    )
    await t.resolves(link.flush())
  })
}

t.test('a connection that is idle stays, also after it was lost', async (t) => {
  const folder = testFolder(t)
  let server = await startNatsServer({ storeDir: folder })
  const { port } = server
  const link = await connectNats({ url: server.url, name: 'test' })
  t.teardown(async () => {
    await closeNats(link)
    await server.stop()
  })
  let back = 0
  const follow = async () => {
    for await (const { type } of link.status()) if (type === 'reconnect') back++
  }
  void follow()
  process.kill(server.pid, 'SIGKILL')
  await server.ended
  server = await startNatsServer({ storeDir: folder, port })
  await eventually('it is back', () => Promise.resolve(back === 1))
  await delay(6_000) // twice as long as a silent server has
  t.equal(back, 1)
  await t.resolves(link.flush())
})

t.test('a server of a cluster that stores nothing is left for another one', async (t) => {
  const folder = testFolder(t)
  const hosts = [1, 2].map((last) => `127.${64 | (process.pid >> 16)}.${(process.pid >> 8) & 255}.${last}`)
  const servers = await Promise.all(
    hosts.map((host) =>
      startNatsServer({ storeDir: join(folder, host), host, cluster: { serverName: host, hosts } }),
    ),
  )
  const link = await connectNats({ url: servers.map(({ url }) => url).join(','), name: 'test' })
  const asked = createRequests(link)
  t.teardown(async () => {
    asked.close()
    await closeNats(link)
    await Promise.all(servers.map((each) => each.stop()))
  })
  const first = link.getServer()
  link.subscribe('silent', { callback: () => undefined })
  const answers = { stored: '{"seq":1}', known: '{"seq":1,"duplicate":true}', refused: '{"error":{}}' }
  for (const [subject, answer] of Object.entries(answers))
    link.subscribe(subject, { callback: (_fault, message) => void message.respond(answer) })
  const ask = (subject: string) => asked.send({ subject }, 100).catch(() => undefined)
  await eventually('the client is with the other server', async () => {
    await ask('silent')
    return asked.reconnects() === 1
  })
  t.not(link.getServer(), first)
  t.equal((await asked.send({ subject: 'stored' })).string(), answers.stored)
  for (let left = 40; left > 0; left--) await Promise.all([ask('silent'), ask('stored')])
  t.equal(asked.reconnects(), 1, 'one that stores some is not left')
  await eventually('one that refuses some, and knows some, is left too', async () => {
    await Promise.all([ask('silent'), ask('known'), ask('refused')])
    return asked.reconnects() === 2
  })
  for (let left = 40; left > 0; left--) await Promise.all([ask('known'), ask('refused'), delay(100)])
  t.equal(asked.reconnects(), 2, 'one that refuses all, and answers all, is not left')
})

t.test('a server that does not answer is not waited for', async (t) => {
  const began = performance.now()
  const silent = connection.subscribe('silent', { callback: () => undefined })
  await t.rejects(requests.send({ subject: 'silent' }, 200), {
    code: 'QUEUE_UNAVAILABLE',
    message: /in time/,
  })
  t.ok(performance.now() - began < 1_500)
  silent.unsubscribe()
})

t.test('a message that is too large is refused, and harms no other', async (t) => {
  const most = requests.maxPayload()
  t.equal(most, MiB)
  const answers = connection.subscribe('answers', {
    callback: (_fault, message) => void message.respond('yes'),
  })
  const tooLarge = requests.send({ subject: 'answers', payload: 'x'.repeat(most + 1) })
  const next = requests.send({ subject: 'answers', payload: 'x'.repeat(most) })
  await t.rejects(tooLarge, { code: 'TOO_LARGE', message: /max_payload/ })
  t.equal((await next).string(), 'yes')
  t.doesNotThrow(() => requests.post({ subject: 'answers', payload: 'x'.repeat(most + 1) }))
  answers.unsubscribe()
})

t.test('a server that is too old is refused by name', async (t) => {
  const sockets = new Set<Socket>()
  const old = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.write('INFO {"server_id":"x","version":"2.12.4","headers":true,"max_payload":1048576}\r\n')
    socket.on('data', (chunk) => {
      if (chunk.includes('PING') && socket.writable) socket.write('PONG\r\n')
    })
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(old, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    old.close()
  })
  const address = old.address()
  const url = `nats://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}`
  await t.rejects(connectNats({ url, name: 'test' }), {
    code: 'NATS_TOO_OLD',
    message: /2\.12\.4 is too old.*2\.15/,
  })
})
