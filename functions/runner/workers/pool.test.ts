import t, { type Test } from 'tap'
import type { Outcome } from '../../guests/abi.ts'
import { checkModule } from '../../guests/check/check.ts'
import { fromAssemblyScript } from '../../guests/test-modules.ts'
import { threadBacklog } from './thread-backlog.ts'
import { createPool, type GuestLine, type Pool, type PoolOptions } from './pool.ts'

const source = `
@external('jobico', 'env') declare function env(name: string): string | null

export function handle(event: string): string | null {
  if (event == 'loop') { console.log('looping'); while (true) {} }
  if (event == 'trap') unreachable()
  if (event == 'home') return env('HOME') === null ? 'true' : 'false'
  if (event == 'env') return env('A')
  return event
}`
const { abi, bytes } = checkModule(await fromAssemblyScript(source), { name: 'a.wasm', memoryBytes: 1 << 22 })
const ok = (data: string): Outcome => ({ kind: 'ok', data })
const TIMEOUT = { kind: 'retry', code: 'TIMEOUT' }
const WORKER_DIED = { kind: 'retry', code: 'WORKER_DIED' }

interface TestPool {
  readonly run: (key: string, event: string) => Promise<Outcome>
  readonly made: Pool
}

async function pool(
  t: Test,
  options: Partial<PoolOptions> = {},
): Promise<{ pool: TestPool; lines: GuestLine[] }> {
  const lines: GuestLine[] = []
  const onLog = (line: GuestLine) => void lines.push(line)
  const module = { abi, bytes }
  const made = await createPool({ module, concurrency: 2, timeoutMs: 10_000, env: {}, onLog, ...options })
  t.teardown(() => made.close())
  const run = async (key: string, event: string) => (await made.run(key, { text: event })).outcome
  return { pool: { run, made }, lines }
}

/** The real worker, which also ends by itself on the events `exit` and `throw`. */
const mortal = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    const on = parentPort.on.bind(parentPort)
    parentPort.on = (name, listener) => on(name, (task) => {
      if (task.text === 'exit') process.exit(3)
      if (task.text === 'throw') throw new Error('boom')
      listener(task)
    })
    await import('${new URL('./worker.ts', import.meta.url).href}')`)}`,
)

t.test('2,000 events all get their own answer', async (t) => {
  const { pool: p } = await pool(t)
  const events = Array.from({ length: 2000 }, (_, index) => `{"n":${index}}`)
  const running = events.map((event, index) => p.run(`key${index}`, event))
  t.equal(p.made.busy, 2000)
  t.same(await Promise.all(running), events.map(ok))
  t.equal(p.made.busy, 0)
})

t.test('threads are opened when there is work for them', async (t) => {
  let threads = 0
  const count = () => {
    threads++
  }
  process.on('worker', count)
  t.teardown(() => process.off('worker', count))
  const { pool: p } = await pool(t, { concurrency: 3, timeoutMs: 5_000 })
  for (const event of ['1', '2', '3']) t.same(await p.run(event, event), ok(event))
  t.equal(threads, 1, 'one after another')
  const loop = p.run('loop', 'loop')
  t.same(await p.run('4', '4'), ok('4'))
  t.equal(threads, 2, 'one more beside one that runs')
  t.match(await loop, TIMEOUT)
})

t.test('an endless loop is stopped at its deadline, and others go on meanwhile', async (t) => {
  const { pool: p, lines } = await pool(t, { timeoutMs: 2_000 })
  await p.run('warm', '1')
  const began = performance.now()
  const loop = p.run('looping', 'loop')
  let others = 0
  const ended = loop.then((outcome) => ({ outcome, afterMs: performance.now() - began }))
  for (let at = began; at < began + 1_900; at = performance.now()) {
    const other = await p.run('other', '7')
    if (other.kind === 'ok') others += 1
  }
  const { outcome, afterMs } = await ended
  t.match(outcome, { ...TIMEOUT, reason: /longer than timeoutSeconds \(2 s\) and was stopped/ })
  t.ok(afterMs >= 2_000 && afterMs < 2_300, `it took ${afterMs} ms`)
  t.ok(others > 50, `${others} others ran`)
  t.same(lines, [{ level: 'info', message: 'looping', key: 'looping' }], 'what it logged is not lost')
})

t.test('nothing waits behind an execution that turns out to be long', async (t) => {
  const { pool: p } = await pool(t, { timeoutMs: 5_000 })
  const short = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => p.run('short', `${index}`)))
  while (p.made.capacity < 16) await short(200)
  const long = p.run('long', 'loop')
  const began = performance.now()
  t.equal((await short(1_000)).filter(({ kind }) => kind === 'ok').length, 1_000)
  t.ok(performance.now() - began < 3_000)
  t.match(await long, TIMEOUT)
  t.same(await p.run('after', '1'), ok('1'))
})

t.test('all threads can be lost to loops and come again', async (t) => {
  const { pool: p } = await pool(t, { timeoutMs: 200 })
  const outcomes = await Promise.all(['loop', 'loop', 'loop', '1', '2'].map((event) => p.run(event, event)))
  t.match(outcomes, [TIMEOUT, TIMEOUT, TIMEOUT, ok('1'), ok('2')])
})

t.test('a start function that never ends meets the deadline too', async (t) => {
  const module = checkModule(await fromAssemblyScript(`while (true) {}\n${source}`), {
    name: 'a',
    memoryBytes: 1 << 22,
  })
  const { pool: p } = await pool(t, { module, timeoutMs: 100, concurrency: 1 })
  t.match(await p.run('a', '1'), TIMEOUT)
})

t.test('an outcome that came in time counts, however late it is read', async (t) => {
  const { pool: p } = await pool(t, { timeoutMs: 100, concurrency: 1 })
  const running = p.run('a', '1')
  const until = performance.now() + 300
  while (performance.now() < until);
  t.same(await running, ok('1'))
})

t.test('a trap ends nothing but its execution', async (t) => {
  const { pool: p } = await pool(t, { concurrency: 1 })
  t.match(await p.run('a', 'trap'), { kind: 'retry', code: 'MODULE_TRAP' })
  t.same(await p.run('b', '1'), ok('1'))
})

t.test('a module sees its own variables and none of the process', async (t) => {
  const { pool: p } = await pool(t, { env: { A: '"b"' } })
  t.same(await Promise.all([p.run('a', 'env'), p.run('b', 'home')]), [ok('"b"'), ok('true')])
})

t.test('a thread that dies costs the event that ran on it an attempt, and is replaced', async (t) => {
  const { pool: p } = await pool(t, { workerUrl: mortal })
  const outcomes = await Promise.all(['exit', '1', 'throw', '2', '3'].map((event) => p.run(event, event)))
  t.match(outcomes[0], WORKER_DIED)
  t.match(outcomes[2], { ...WORKER_DIED, reason: /the thread of the execution died: boom/ })
  t.same([outcomes[1], outcomes[3], outcomes[4]], ['1', '2', '3'].map(ok))
})

t.test('close gives everything that runs or waits an outcome', async (t) => {
  const { pool: p } = await pool(t, { concurrency: 1 })
  const running = ['loop', '1', '2'].map((event) => p.run(event, event))
  await p.made.close()
  t.match(await Promise.all(running), [WORKER_DIED, WORKER_DIED, WORKER_DIED])
  t.match(await p.run('late', '1'), WORKER_DIED)
  t.equal(p.made.busy, 0)
})

t.test('a pool that can not start says so', async (t) => {
  const broken = new URL('data:text/javascript,throw new Error("no such file")')
  await t.rejects(pool(t, { workerUrl: broken }), {
    code: 'WORKER_DIED',
    message: /no thread could be started: no such file/,
  })
  await t.rejects(pool(t, { module: { abi, bytes: bytes.slice(0, 99) } }), {
    code: 'MODULE_INVALID',
    message: /does not compile/,
  })
})

t.test('as much lies at each thread as it runs in 2 ms', (t) => {
  const cases = [
    { meanMs: Infinity, want: 1 },
    { meanMs: 10_000, want: 1 },
    { meanMs: 1.5, want: 1 },
    { meanMs: 0.5, want: 4 },
    { meanMs: 0.05, want: 16 },
    { meanMs: 0, want: 16 },
  ]
  for (const { meanMs, want } of cases) t.equal(threadBacklog(meanMs), want, `${meanMs} ms`)
  t.end()
})
