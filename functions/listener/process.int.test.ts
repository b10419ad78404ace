import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { createFixture, freshId, JSON_TYPE, PERSON, SCHEMA } from './listener.fixture.ts'
import { startListener, type ListenerProcess, type Scope } from './process.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

const folder = testFolder(t, {
  'schema.json': JSON.stringify(SCHEMA),
  'broken.json': '{"type":5}',
  'earlier.json': JSON.stringify({ ...SCHEMA, requierd: [] }),
  empty: '',
  store: {},
})
const storeDir = join(folder, 'store')
const server = await startNatsServer({ storeDir })
const fixture = await createFixture(t, server.url)
t.teardown(() => server.stop())

const environment = { NATS_URL: server.url, JOBICO_SCHEMA: join(folder, 'schema.json') }

function start(test: Scope, over: Record<string, string> = {}): ListenerProcess {
  return startListener(test, { ...environment, ...over })
}

async function ready(started: ListenerProcess): Promise<string> {
  return `http://127.0.0.1:${await started.ready()}`
}

const sendBody = JSON.stringify({ data: [PERSON] })
function send(url: string, body = sendBody): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE, 'idempotency-key': freshId() },
    body,
  })
}

t.test('SIGTERM under load: what was answered with 202 is in the queue', async (t) => {
  const started = start(t)
  const url = await ready(started)
  const accepted: string[] = []
  const statuses = new Set<number>()
  let isOpen = true
  const senders = Array.from({ length: 16 }, async () => {
    while (isOpen) {
      try {
        const answer = await send(url)
        statuses.add(answer.status)
        const body = (await answer.json()) as { accepted?: { key: string }[] }
        accepted.push(...(body.accepted ?? []).map(({ key }) => key))
      } catch {
        isOpen = false
      }
    }
  })
  while (accepted.length < 300) await delay(5)
  started.child.kill('SIGTERM')
  const [code] = (await once(started.child, 'exit')) as [number]
  await Promise.all(senders)
  t.equal(code, 0)
  t.same([...statuses], [202], 'nothing was refused')
  const found = await Promise.all(accepted.map((key) => fixture.queued(key)))
  t.equal(found.filter((message) => message === undefined).length, 0)
  t.ok(await started.line('Stopped'))
  const logged = started.lines.filter(({ msg }) => msg === 'Accepted').map(({ key }) => key)
  t.ok(
    accepted.every((key) => logged.includes(key)),
    'each has its line in the log',
  )
})

t.test('answers while NATS is away, within two seconds, and recovers', async (t) => {
  const frozen = await startNatsServer({ storeDir: join(folder, 'frozen') })
  t.teardown(() => frozen.stop())
  await createFixture(t, frozen.url)
  const url = await ready(start(t, { NATS_URL: frozen.url }))
  t.equal((await send(url)).status, 202)

  process.kill(frozen.pid, 'SIGSTOP')
  const batch = JSON.stringify({ data: [PERSON, PERSON] })
  const requests = [
    send(url),
    fetch(`${url}/events/${'a'.repeat(26)}`),
    ...Array.from({ length: 30 }, () => send(url, batch)),
  ]
  const began = performance.now()
  const answers = await Promise.all(requests)
  t.ok(performance.now() - began < 2_500, `${performance.now() - began} ms`)
  for (const answer of answers) {
    t.equal(answer.status, 503)
    t.match(answer.headers.get('retry-after'), /^[1-5]$/)
  }
  process.kill(frozen.pid, 'SIGCONT')
  while ((await send(url)).status !== 202) await delay(20)
  t.equal((await fetch(`${url}/health/ready`)).status, 200)

  await frozen.stop()
  while ((await fetch(`${url}/health/ready`)).status !== 503) await delay(20)
  t.equal((await fetch(`${url}/health/live`)).status, 200)
  t.equal((await fetch(`${url}/health/started`)).status, 200, 'clients are to hear why')
  const gone = await send(url)
  t.equal(gone.status, 503)
  t.equal(((await gone.json()) as { code: string }).code, 'QUEUE_UNAVAILABLE')
  const again = await startNatsServer({ storeDir: join(folder, 'frozen'), port: frozen.port })
  t.teardown(() => again.stop())
  while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(20)
  t.equal((await send(url)).status, 202)
})

t.test('starts with a schema that only an earlier version took', async (t) => {
  const url = await ready(start(t, { JOBICO_SCHEMA: join(folder, 'earlier.json') }))
  t.equal((await send(url)).status, 202)
  t.equal((await send(url, '{"data":[{}]}')).status, 422)
})

t.test('starts before NATS does', async (t) => {
  const early = start(t, { NATS_URL: 'nats://127.0.0.1:1' })
  const { port } = await early.line('Listening')
  const url = `http://127.0.0.1:${port ?? 0}`
  t.equal((await fetch(`${url}/health/ready`)).status, 503)
  t.equal((await fetch(`${url}/health/live`)).status, 200)
  t.equal((await send(url)).status, 503)
  early.child.kill('SIGTERM')
  t.same(await once(early.child, 'exit'), [0, null])
})

t.test('refusals are logged with their code and without data', async (t) => {
  const started = start(t)
  const url = await ready(started)
  await send(url, '{"data":[{"secret":1}]}')
  await send(url, '{"secret":')
  await started.line('Refused')
  started.child.kill('SIGTERM')
  await once(started.child, 'exit')
  const codes = started.lines.filter(({ msg }) => msg === 'Refused').map(({ code }) => code)
  t.same(codes, ['DATA_INVALID', 'BODY_INVALID'])
  t.notMatch(JSON.stringify(started.lines), 'secret')
})

t.test('metrics on a port of their own', async (t) => {
  const port = await freePort()
  await ready(start(t, { METRICS_PORT: String(port) }))
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  t.match(text, 'jobico_listener_requests_in_flight{event="ev1"} 0')
  t.match(text, 'process_cpu_seconds_total')
})

async function freePort(): Promise<number> {
  const probe = await startNatsServer({ storeDir: join(folder, 'probe') })
  await probe.stop()
  return probe.port
}

t.test('what is wrong at the start is named, and ends the process', async (t) => {
  const taken = new URL(await ready(start(t))).port
  const cases: readonly [name: string, over: Record<string, string>, message: RegExp][] = [
    ['no event', { JOBICO_EVENT: '' }, /JOBICO_EVENT is missing/],
    ['no such schema', { JOBICO_SCHEMA: join(folder, 'none.json') }, /JOBICO_SCHEMA.*none\.json.*ENOENT/],
    ['a schema that is no JSON', { JOBICO_SCHEMA: join(folder, 'empty') }, /JOBICO_SCHEMA.*empty.*JSON/],
    ['a schema that is not valid', { JOBICO_SCHEMA: join(folder, 'broken.json') }, /JOBICO_SCHEMA.*type/],
    ['no tokens', { JOBICO_AUTH_FILE: join(folder, 'empty') }, /JOBICO_AUTH_FILE.*no token/],
    ['a port that is taken', { PORT: taken }, /EADDRINUSE.*PORT/],
    ['no such credentials', { NATS_CREDS_FILE: join(folder, 'none.creds') }, /none\.creds/],
  ]
  for (const [name, over, message] of cases) {
    const started = start(t, over)
    const { err } = await started.line('Could not go on')
    t.match(err?.message, message, name)
    if (started.child.exitCode === null) await once(started.child, 'exit')
    t.equal(started.child.exitCode, 1, name)
  }
})
