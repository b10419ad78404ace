import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import t, { type Test } from 'tap'

import { runCli, startProgram, type RunningCli } from '../cli/cli.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { natsServersOf, watchNatsServers } from './claim.fixture.ts'
import type { RunningInstance } from './instance.ts'
import { descendants, gone } from './processes/processes.fixture.ts'

/** How often the main test ends a `jobico dev` and starts another one; docs/development.md asks for 20. */
const ROUNDS = Number(process.env['JOBICO_TEST_ROUNDS'] ?? 4)

const BIN = fileURLToPath(new URL('../../bin/jobico.js', import.meta.url))
const JOB = `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: try}
spec:
  events:
  - {name: try, wasm: try.wasm, schema: {key: any}, timeoutSeconds: 30}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{}'}
`
const MODULE = `import { now, parseEvent } from 'jobico'

export function handle(text: string): string | null {
  const data = parseEvent(text).dataText
  if (data === null) return null
  const end = now() + (data.includes('slower') ? 15000 : data.includes('slow') ? 3000 : 0)
  while (now() < end) {}
  return null
}
`

/** A `jobico dev` as npx starts it: the outer process of bin/jobico.js, and the inner one that does the work. */
interface OuterDev {
  readonly outer: RunningCli
  readonly instance: RunningInstance
}

function tryFolder(t: Test): string {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'assembly'))
  writeFileSync(join(folder, 'job.yaml'), JOB)
  writeFileSync(join(folder, 'assembly', 'index.ts'), MODULE)
  t.teardown(async () => {
    for (const pid of await allOf(folder)) kill(pid, 'SIGKILL')
    await Promise.all(natsServersOf(folder).map(gone))
  })
  return folder
}

function start(folder: string): RunningCli {
  return startProgram([BIN, 'dev', '--port', '0', '-o', 'json'], folder)
}

async function served(outer: RunningCli): Promise<OuterDev> {
  const [line] = await outer.waitFor(/^\{.*"msg":"Serving"\}$/m)
  return { outer, instance: JSON.parse(line) as RunningInstance }
}

/** Starts one until it serves: in the meantime the folder may belong to one that is stopping. */
async function startUntilServed(folder: string): Promise<OuterDev> {
  for (;;) {
    const outer = start(folder)
    const either = await Promise.race([served(outer).catch(() => undefined), outer.finished])
    if (either !== undefined && 'instance' in either) return either
    const { code, stderr } = await outer.finished
    if (code !== 1 || !/^error: jobico dev (still )?runs in this folder/.test(stderr))
      throw new Error(`${code}: ${stderr}`)
  }
}

async function allOf(folder: string): Promise<readonly number[]> {
  try {
    const { pid } = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as { pid: number }
    return [...(await descendants(pid)), pid]
  } catch {
    return []
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended.
  }
}

/** Sends an event; its key if it was accepted. */
async function post(url: string, data: unknown): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json' }
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ data: [data] }) })
    if (answer.status !== 202) return undefined
    return ((await answer.json()) as { accepted: [{ key: string }] }).accepted[0].key
  } catch {
    return undefined // the gateway is gone
  }
}

/** Sends events one after another until it is told to stop; gives the keys of those that were accepted. */
function keepSending(url: () => string): { stop(): Promise<readonly string[]> } {
  const state = { stopped: false }
  const send = async () => {
    const keys: string[] = []
    for (let count = 0; !state.stopped; count++) {
      const key = await post(url(), count)
      if (key === undefined) await delay(20)
      else keys.push(key)
    }
    return keys
  }
  const sending = send()
  return {
    stop() {
      state.stopped = true
      return sending
    },
  }
}

/** Ends a `jobico dev` in one of the ways that occur. */
type Ending = readonly [name: string, end: (dev: OuterDev) => unknown]

const ENDINGS: readonly Ending[] = [
  ['Ctrl-C, while an event runs', ({ outer }) => outer.signal('SIGINT')],
  ['SIGKILL of the outer process', ({ outer }) => outer.signal('SIGKILL')],
  ['SIGKILL of the inner process', ({ instance }) => kill(instance.pid, 'SIGKILL')],
  [
    'SIGKILL of nats-server, then of the outer process',
    ({ outer, instance }) => {
      kill(instance.natsPid, 'SIGKILL')
      outer.signal('SIGKILL')
    },
  ],
  [
    'Ctrl-C twice',
    async ({ outer }) => {
      outer.signal('SIGINT')
      await outer.waitFor(/stopping/)
      await delay(400) // two signals within 300 ms count as one
      outer.signal('SIGINT')
    },
  ],
]

t.test(
  'one jobico dev after another: one nats-server at any moment, and no accepted event is unknown',
  async (t) => {
    const folder = tryFolder(t)
    const servers = watchNatsServers(folder)
    let dev = await startUntilServed(folder)
    const urlOf = ({ instance }: OuterDev) => instance.events[0]?.url ?? ''
    const sending = keepSending(() => urlOf(dev))
    t.teardown(() => sending.stop())
    const slow: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [name, end] = ENDINGS[round % ENDINGS.length] as Ending
      const key = await post(urlOf(dev), 'slow')
      if (key !== undefined) slow.push(key)
      await end(dev)
      dev = await startUntilServed(folder)
      t.pass(`${round + 1}: ${name}`)
    }
    const keys = [...slow, ...(await sending.stop())]
    t.equal(slow.length, ROUNDS)
    t.ok(keys.length > ROUNDS)
    const states = await Promise.all(keys.map((key) => stateOf(`${urlOf(dev)}/events/${key}`)))
    t.same(
      states.filter((state) => state !== 'done' && state !== 'pending'),
      [],
    )
    dev.outer.signal('SIGINT')
    await dev.outer.finished
    t.equal(await servers.stop(), 1)
    t.same(natsServersOf(folder), [])
  },
)

async function stateOf(url: string): Promise<string> {
  const answer = await fetch(url)
  const { state, code } = (await answer.json()) as { state?: string; code?: string }
  return state ?? code ?? String(answer.status)
}

t.test('of those that start in the same instant exactly one serves', async (t) => {
  const folder = tryFolder(t)
  const all = [start(folder), start(folder), start(folder)]
  const first = await Promise.any(all.map(served))
  const others = all.filter((each) => each !== first.outer)
  for (const { finished } of others)
    t.match(await finished, { code: 1, stderr: /^error: jobico dev \S+ in this folder already/ })
  t.equal(natsServersOf(folder).length, 1)
  first.outer.signal('SIGINT')
  t.match(await first.outer.finished, { code: 0 })
})

t.test('while one is stopping, another one says so, and the event that runs is finished', async (t) => {
  const folder = tryFolder(t)
  const { outer, instance } = await served(start(folder))
  const key = (await post(instance.events[0]?.url ?? '', 'slower')) ?? ''
  outer.signal('SIGINT')
  await outer.waitFor(/stopping/)
  const { pid, url } = instance
  const second = await runCli(['dev', '--port', '0'], folder)
  t.match(second, {
    code: 1,
    stderr: `error: jobico dev still runs in this folder (process ${pid}, which served ${url}, is stopping`,
  })
  t.match(await outer.finished, { code: 0, stdout: new RegExp(`"key":"${key}".*"msg":"Event done"`) })
})

t.test('a claim that was left behind counts for nothing, whoever has its pid now', async (t) => {
  const folder = tryFolder(t)
  const { outer, instance } = await served(start(folder))
  const claim = join(folder, '.jobico', 'dev.json')
  kill(instance.pid, 'SIGKILL')
  await outer.finished
  const left = JSON.parse(readFileSync(claim, 'utf8')) as RunningInstance
  t.equal(left.pid, instance.pid)
  writeFileSync(claim, JSON.stringify({ ...left, pid: process.pid, natsPid: process.pid }))
  t.match(await runCli(['get', 'a'.repeat(26)], folder), { code: 1, stderr: /error: no jobico dev runs/ })
  const next = await served(start(folder))

  t.equal((JSON.parse(readFileSync(claim, 'utf8')) as RunningInstance).pid, next.instance.pid)
  next.outer.signal('SIGINT')
  t.match(await next.outer.finished, { code: 0 })
})
