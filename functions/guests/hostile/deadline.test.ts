import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { createPool, type GuestLine, type Pool, type PoolOptions } from '../../runner/workers/pool.ts'
import { checkModule } from '../check/check.ts'
import { RUNTIME, fromAssemblyScript, fromWat, handle } from '../test-modules.ts'
import { command, original, script } from './wat.fixture.ts'

const MiB = 2 ** 20
const MEMORY_BYTES = 64 * MiB
const TIMEOUT_MS = 250
const TIMEOUT = {
  outcome: { kind: 'retry', code: 'TIMEOUT', reason: /longer than timeoutSeconds \(0\.25 s\)/ },
}
const FOREVER = '(loop $forever (br $forever))'
const loop = (call: string) => `(loop $forever ${call} (br $forever))`
const OK = handle('i32.const 64')
/** A wait for an hour, at 64, of a clock that is monotonic. */
const HOUR =
  '(i64.store (i32.const 80) (i64.const 0)) (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 3600000000000))'
const POLL = '(drop (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 512)))'

interface Opened {
  readonly pool: Pool
  readonly lines: GuestLine[]
}

async function open(t: Test, bytes: Uint8Array, options: Partial<PoolOptions> = {}): Promise<Opened> {
  const module = checkModule(bytes, { name: 'a.wasm', memoryBytes: MEMORY_BYTES })
  const lines: GuestLine[] = []
  const onLog = (line: GuestLine) => void lines.push(line)
  const pool = await createPool({ module, concurrency: 1, timeoutMs: TIMEOUT_MS, env: {}, onLog, ...options })
  t.teardown(() => pool.close())
  return { pool, lines }
}

const endless: readonly { readonly name: string; readonly bytes: () => Uint8Array }[] = [
  { name: 'in its start function', bytes: () => script('i32.const 64', `(func $s ${FOREVER}) (start $s)`) },
  { name: 'in _start', bytes: () => script('i32.const 64', `(func (export "_start") ${FOREVER})`) },
  { name: 'in _initialize', bytes: () => script('i32.const 64', `(func (export "_initialize") ${FOREVER})`) },
  { name: 'in handle', bytes: () => script(`${FOREVER} unreachable`) },
  {
    name: 'in __new, which the host calls',
    bytes: () => fromWat(RUNTIME.replace('(local $pointer i32)', `(local $pointer i32) ${FOREVER}`), OK),
  },
  { name: 'in init', bytes: () => original('', { init: FOREVER }) },
  { name: 'in malloc', bytes: () => original('', { malloc: `${FOREVER} unreachable` }) },
  { name: 'in event', bytes: () => original(FOREVER) },
  {
    name: 'in _start of the original ABI',
    bytes: () => original('', { more: `(func (export "_start") ${FOREVER})` }),
  },
  { name: 'in a command', bytes: () => command(FOREVER) },
  { name: 'of calls of the host', bytes: () => script(`${loop('(drop (call $now))')} unreachable`) },
  { name: 'of lines', bytes: () => script(`${loop('(call $print (i32.const 32))')} unreachable`) },
  {
    name: 'of rejects that it catches',
    bytes: () => script(`${loop('(try (do (call $reject (i32.const 32))) (catch_all))')} unreachable`),
  },
  {
    name: 'of exits that it catches',
    bytes: () => command(loop('(try (do (call $proc_exit (i32.const 0))) (catch_all))')),
  },
  {
    name: 'of writes',
    bytes: () =>
      command(loop('(drop (call $fd_write (i32.const 2) (i32.const 64) (i32.const 1) (i32.const 0)))')),
  },
  {
    name: 'of results that are empty, 1,024 at a time',
    bytes: () =>
      command(loop('(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 16384)))')),
  },
  { name: 'of yields', bytes: () => command(loop('(drop (call $sched_yield))')) },
  { name: 'of waits for no time', bytes: () => command(loop(POLL)) },
  {
    name: 'of randomness',
    bytes: () => command(loop('(drop (call $random_get (i32.const 0) (i32.const 131072)))')),
  },
  {
    name: 'of memory that is filled',
    bytes: () =>
      script(
        `(drop (memory.grow (i32.const 1000))) ${loop('(memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536))')} unreachable`,
      ),
  },
  {
    name: 'of memory that does not grow',
    bytes: () => script(`${loop('(drop (memory.grow (i32.const 65536)))')} unreachable`),
  },
]

t.test('a loop without end is ended at the deadline, wherever it is', async (t) => {
  for (const { name, bytes } of endless) {
    const { pool, lines } = await open(t, bytes())
    t.match(await pool.run('a', { text: '{}' }), TIMEOUT, name)
    t.ok(lines.length <= 201, `${name}: ${lines.length} lines`)
    await pool.close()
  }
})

t.test('a sleep of an hour ends at the deadline, and uses no processor', async (t) => {
  const { pool } = await open(t, command(`${HOUR} ${POLL}`), { timeoutMs: 1_000 })
  const before = process.cpuUsage()
  t.match(await pool.run('a', { text: '' }), { outcome: { code: 'TIMEOUT' } })
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 500_000, `${(user + system) / 1e6} s of the processor in a second`)
})

t.test('nothing of an event is seen by the next one', async (t) => {
  const body = `
    (if (i32.or (i32.or (global.get $g) (i32.load (i32.const 9000))) (i32.eqz (ref.is_null (table.get 0 (i32.const 0)))))
      (then (return (i32.const 32))))
    (if (i32.ne (memory.size) (i32.const 1)) (then (return (i32.const 32))))
    (memory.init $d (i32.const 9100) (i32.const 0) (i32.const 1)) (data.drop $d)
    (global.set $g (i32.const 1)) (i32.store (i32.const 9000) (i32.const 1))
    (table.set 0 (i32.const 0) (ref.func $f)) (drop (memory.grow (i32.const 1)))
    i32.const 64`
  const bytes = script(
    body,
    '(global $g (mut i32) (i32.const 0)) (table 1 1 funcref) (data $d "x") (func $f) (elem declare func $f)',
  )
  const { pool } = await open(t, bytes, { timeoutMs: 10_000, concurrency: 2 })
  const runs = Array.from({ length: 200 }, (_, index) => pool.run(String(index), { text: '{}' }))
  const outcomes = (await Promise.all(runs)).map(({ outcome }) => outcome)
  t.same(new Set(outcomes.map((outcome) => JSON.stringify(outcome))), new Set(['{"kind":"ok","data":"42"}']))
})

t.test('a guest that takes all of its memory, and writes to it', async (t) => {
  const body = `(local $at i32)
    (loop $grow (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (local.set $at (i32.const 65536))
    (loop $write (i32.store (local.get $at) (i32.const 1)) (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $write (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
    (select (i32.const 64) (i32.const 32) (i32.eq (memory.size) (i32.const 1024)))`
  const { pool } = await open(t, script(body), { timeoutMs: 10_000 })
  const before = process.memoryUsage.rss()
  for (let run = 0; run < 20; run += 1)
    t.match(await pool.run('a', { text: '{}' }), { outcome: { kind: 'ok', data: '42' } })
  const grown = process.memoryUsage.rss() - before
  t.ok(grown < 6 * MEMORY_BYTES, `${Math.round(grown / MiB)} MiB more after 20 times 64 MiB`)
})

t.test('a guest that passes 10,000 events and frees nothing', async (t) => {
  const source = `
    export function handle(event: string): string | null {
      const leaked = new StaticArray<u8>(262144)
      __pin(changetype<usize>(leaked))
      for (let at = 0; at < 262144; at += 4096) leaked[at] = 1
      return event
    }`
  const { pool } = await open(t, await fromAssemblyScript(source, '-O'), {
    timeoutMs: 30_000,
    concurrency: 2,
  })
  const run = async (events: number) => {
    const runs = Array.from({ length: events }, () => pool.run('a', { text: '1' }))
    return (await Promise.all(runs)).filter(({ outcome }) => outcome.kind === 'ok').length
  }
  t.equal(await run(1_000), 1_000)
  const before = process.memoryUsage.rss()
  for (let round = 0; round < 9; round += 1) t.equal(await run(1_000), 1_000)
  const grown = process.memoryUsage.rss() - before
  t.ok(grown < 256 * MiB, `${Math.round(grown / MiB)} MiB more after 9,000 times 256 KiB`)
})

/** The real worker, which also fills its heap on the event `fill`. */
const greedy = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    const on = parentPort.on.bind(parentPort)
    parentPort.on = (name, listener) => on(name, (task) => {
      const all = []
      while (task.text === 'fill') all.push(new Array(100_000).fill(all.length))
      listener(task)
    })
    await import('${new URL('../../runner/workers/worker.ts', import.meta.url).href}')`)}`,
)

t.test('a thread whose heap is full costs its own event an attempt', async (t) => {
  const bytes = await fromAssemblyScript(
    'export function handle(event: string): string | null { return event }',
  )
  const { pool } = await open(t, bytes, { workerUrl: greedy, timeoutMs: 60_000, concurrency: 2 })
  const run = async (text: string) => (await pool.run(text, { text })).outcome
  const outcomes = await Promise.all(['1', 'fill', '2', '3'].map(run))
  t.match(outcomes[1], { kind: 'retry', code: 'WORKER_DIED', reason: /memory limit/ })
  t.same(
    [outcomes[0], outcomes[2], outcomes[3]],
    ['1', '2', '3'].map((data) => ({ kind: 'ok', data })),
  )
})

/** Runs tail calls, which no check would let through, in a process that ends as a runner does. */
const STUCK = `
  const { createPool } = await import('${new URL('../../runner/workers/pool.ts', import.meta.url).href}')
  const { script } = await import('${new URL('./wat.fixture.ts', import.meta.url).href}')
  const bytes = script('(call $f)', '(func $f (result i32) (return_call $f))')
  const onStuck = () => process.kill(process.pid, 'SIGKILL')
  const options = { concurrency: 1, timeoutMs: 1000, env: {}, onLog() {}, onStuck }
  const pool = await createPool({ module: { abi: 'assemblyscript', bytes }, ...options })
  const { outcome } = await pool.run('a', { text: '{}' })
  console.log(outcome.code)`

t.test('a thread that nothing can end ends with its process, its event told before', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', STUCK], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let told = ''
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()))
  t.same(await once(child, 'exit'), [null, 'SIGKILL'])
  t.equal(told, 'TIMEOUT\n')
})
