import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { createFixture, freshId, JSON_TYPE, PERSON } from '../listener.fixture.ts'
import { startListener } from '../process.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

/** Of each kind. */
const ATTACKERS = 1_000
/** Each makes the kernel hold some 4 MiB, of which it has only so much for all connections, so these are few. */
const STALLED = 10
/** Twice what they take where the machine is not busy otherwise. */
const GONE_WITHIN_MS = 60_000
/** What a pod has, and what Node takes of that for its heap. */
const MAX_RESIDENT_MIB = 512
const POD = { NODE_OPTIONS: '--max-old-space-size=256' }
const NEEDED_FILES = 3 * ATTACKERS + STALLED + 500

const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
const files = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 0)
/** Makes the fault of one name some 350 characters long. */
const SCHEMA = { type: 'object', properties: { firstName: { pattern: `^${'very '.repeat(50)}long$` } } }
const folder = testFolder(t, { 'schema.json': JSON.stringify(SCHEMA), store: {} })

const HEAD = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${JSON_TYPE}\r\n`

/** A request that is answered with 100 faults, some 40 KB. */
function faulty(line = ''): string {
  const body = JSON.stringify({ data: Array.from({ length: 100 }, () => ({ firstName: '' })) })
  return `${HEAD}${line}Content-Length: ${body.length}\r\n\r\n${body}`
}

interface Kind {
  readonly name: string
  readonly count: number
  readonly begin: string
  /** What is sent every two seconds. */
  readonly drip?: string
}

const kinds: readonly Kind[] = [
  { name: 'slow headers', count: ATTACKERS, begin: 'POST / HTTP/1.1\r\nHost: x\r\n', drip: 'x: y\r\n' },
  { name: 'slow bodies', count: ATTACKERS, begin: `${HEAD}Content-Length: 1000000\r\n\r\n{`, drip: ' ' },
  { name: 'readers of nothing', count: ATTACKERS, begin: faulty('Connection: close\r\n') },
  { name: 'readers of nothing who ask for more', count: STALLED, begin: faulty().repeat(200) },
]

/** Connects, and then sends the beginning and what drips; resolves with the connection. */
async function attack(port: number, { begin, drip }: Kind): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const timer = setInterval(() => drip !== undefined && socket.write(drip), 2_000)
  socket.on('close', () => clearInterval(timer))
  socket.pause()
  socket.write(begin)
  return socket
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

t.test('slow clients, 1,000 of each kind at once', { timeout: 110_000 }, async (t) => {
  t.ok(files >= NEEDED_FILES, `${NEEDED_FILES} open files are allowed for a process; else raise "ulimit -n"`)
  const server = await startNatsServer({ storeDir: join(folder, 'store') })
  t.teardown(() => server.stop())
  await createFixture(t, server.url)
  const schema = join(folder, 'schema.json')
  const listener = startListener(t, { ...POD, NATS_URL: server.url, JOBICO_SCHEMA: schema })
  const port = await listener.ready()
  const pid = listener.child.pid ?? 0
  const send = async () => {
    const headers = { 'content-type': JSON_TYPE, 'idempotency-key': freshId() }
    const body = JSON.stringify({ data: [{ age: PERSON.firstName }] })
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
    await answer.arrayBuffer()
    return answer.status
  }
  await send()
  const before = await openFiles(pid)

  const sockets: Socket[] = []
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  for (const kind of kinds) {
    const all = Array.from({ length: kind.count }, () => attack(port, kind))
    sockets.push(...(await Promise.all(all)))
  }
  const began = performance.now()
  const statuses = new Map<number, number>()
  const most = { files: 0, residentMiB: 0, tookMs: 0 }
  let goneAfterMs = Infinity
  while (goneAfterMs === Infinity && performance.now() - began < GONE_WITHIN_MS) {
    const asked = performance.now()
    const status = await send()
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    most.tookMs = Math.max(most.tookMs, performance.now() - asked)
    most.residentMiB = Math.max(most.residentMiB, await residentMiB(pid))
    const now = await openFiles(pid)
    most.files = Math.max(most.files, now)
    if (now <= before) goneAfterMs = performance.now() - began
    await delay(50)
  }
  t.comment(
    `${statuses.get(202) ?? 0} requests beside them, ${Math.round(most.tookMs)} ms at most; ` +
      `${most.files} files and ${Math.round(most.residentMiB)} MiB at most; all gone after ${Math.round(goneAfterMs)} ms`,
  )
  t.ok(most.files > before + ATTACKERS, 'they were there at once')
  t.notOk(statuses.has(429), 'they take no place from others')
  const all = [...statuses.values()].reduce((sum, count) => sum + count, 0)
  t.ok((statuses.get(202) ?? 0) > 0.9 * all, `others are served meanwhile: ${[...statuses].join('; ')}`)
  t.ok(most.residentMiB < MAX_RESIDENT_MIB, 'memory stays within bounds')
  t.ok(goneAfterMs < GONE_WITHIN_MS, 'the listener is rid of them')
})
