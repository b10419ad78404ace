import t from 'tap'
import { createPool, type GuestLine } from '../runner/workers/pool.ts'
import { actingGuest } from './acting-guest.fixture.ts'
import { ABIS, type AbiName } from './abi-registry.ts'
import { checkModule } from './check/check.ts'

const TIMEOUT_MS = 3_000
const UNICODE = '"\u{1F980} grüß \u{10ffff} \\u0000 ﷽"'
const MIB = `"${'x'.repeat(2 ** 20 - 2)}"`

const ok = (data?: string) => ({ kind: 'ok', data })
const retry = (code: string, reason: RegExp | string) => ({ kind: 'retry', code, reason })
const reject = (code: string, reason: RegExp | string) => ({ kind: 'reject', code, reason })
const all = <T>(want: T): Readonly<Record<AbiName, T>> => ({ assemblyscript: want, jobico: want, wasi: want })
const info = (...lines: string[]) => lines.map((line) => ['info', line])

interface Case {
  readonly told: string
  readonly want: Readonly<Partial<Record<AbiName, object>>>
  /** What is logged; nothing by default. */
  readonly logs?: Readonly<Partial<Record<AbiName, unknown[]>>>
}

const cases: readonly Case[] = [
  { told: 'ok', want: all(ok('{"a":1}')) },
  { told: 'nothing', want: all(ok()) },
  {
    told: 'retry',
    want: {
      ...all(retry('RETRY_REQUESTED', 'later')),
      jobico: retry('RETRY_REQUESTED', 'error 500: later'),
    },
    logs: { wasi: info('later') },
  },
  {
    told: 'retry after',
    want: { assemblyscript: { ...retry('RETRY_REQUESTED', 'later'), afterMs: 1_500 } },
  },
  {
    told: 'reject',
    want: {
      ...all(reject('REJECTED', 'no such customer')),
      jobico: reject('REJECTED', 'error 422: no such customer'),
    },
    logs: { wasi: info('no such customer') },
  },
  {
    told: 'panic',
    want: { wasi: retry('MODULE_TRAP', 'it exited with status 2: panic: the sky fell') },
    logs: { wasi: info('panic: the sky fell', '', 'main.main()', '  main.go:21') },
  },
  { told: 'trap', want: all(retry('MODULE_TRAP', /unreachable/)) },
  {
    told: 'rust',
    want: all(retry('MODULE_TRAP', 'the module trapped: panicked at src/a.rs:1:2: boom')),
    logs: {
      ...all([
        ['error', "thread 'main' panicked at src/a.rs:1:2:"],
        ['error', 'boom'],
      ]),
      wasi: info("thread 'main' panicked at src/a.rs:1:2:", 'boom'),
    },
  },
  { told: 'twice', want: all(retry('RESULT_INVALID', /the result would be refused: .* key "a" twice/)) },
  { told: 'deep', want: all(retry('RESULT_INVALID', /nested deeper than 128 levels/)) },
  { told: 'loop', want: all(retry('TIMEOUT', /timeoutSeconds \(3 s\)/)), logs: all(info('looping')) },
  { told: 'memory', want: all(retry('MODULE_TRAP', /MiB of memory in use and no room.*raise `memory`/)) },
  {
    told: 'levels',
    want: all(ok()),
    logs: {
      assemblyscript: ['debug', 'info', 'warn', 'error', 'fatal', 'fatal', 'info'].map((level, index) => [
        level,
        String(index),
      ]),
      jobico: ['debug', 'info', 'warn', 'error', 'fatal', 'fatal', 'info'].map((level, index) => [
        level,
        String(index),
      ]),
      wasi: info('0', '1', '2', '3', '4', '5', '6'),
    },
  },
  {
    told: 'lines',
    want: { ...all(ok()), wasi: retry('RESULT_INVALID', /not JSON/) },
    logs: {
      ...all([
        ['info', 'a'],
        ['error', 'c'],
        ['error', ''],
        ['info', 'bd'],
        ['error', 'e'],
      ]),
      wasi: info('c', '', 'e'),
    },
  },
  { told: '"echo"', want: all(ok('"echo"')) },
  { told: UNICODE, want: all(ok(UNICODE)) },
  { told: 'emoji', want: all(ok('"\u{1F980} grüß \u{10ffff}"')) },
  { told: MIB, want: all(ok(MIB)) },
  { told: '1 MiB', want: all(ok(MIB)) },
  { told: 'too large', want: all(reject('RESULT_TOO_LARGE', /limit is 8388608: give back less/)) },
  { told: '', want: all(ok()) },
  { told: 'empty', want: { ...all(ok()), assemblyscript: retry('RESULT_INVALID', /not JSON/) } },
  {
    told: 'no JSON',
    want: { ...all(retry('RESULT_INVALID', /not JSON/)), jobico: ok('"no JSON"') },
  },
  {
    told: 'half a pair',
    want: {
      ...all(retry('RESULT_INVALID', /not UTF-8/)),
      assemblyscript: retry('RESULT_INVALID', /surrogate/),
    },
  },
]

for (const { name } of ABIS)
  t.test(`what becomes of events in the ABI ${name}`, async (t) => {
    const module = checkModule(await actingGuest(name), { name: 'a.wasm', memoryBytes: 64 * 2 ** 20 })
    t.equal(module.abi, name)
    const lines: GuestLine[] = []
    const onLog = (line: GuestLine) => void lines.push(line)
    const pool = await createPool({ module, concurrency: 1, timeoutMs: TIMEOUT_MS, env: {}, onLog })
    t.teardown(() => pool.close())
    for (const { told, want, logs = {} } of cases) {
      const wanted = want[name]
      if (wanted === undefined) continue
      const { outcome } = await pool.run(told, { text: told })
      const shown = told.slice(0, 40)
      t.match(outcome, wanted, shown)
      if ('data' in wanted) t.same(outcome, wanted, shown)
      t.same(
        lines.splice(0).map(({ level, message }) => [level, message]),
        logs[name] ?? [],
        `${shown}: its log`,
      )
    }
    await pool.run('flood', { text: 'flood' })
    t.equal(lines.length, 201)
    t.match(lines.at(-1), { level: 'warn', message: /more than 200 lines/, key: 'flood' })
  })
