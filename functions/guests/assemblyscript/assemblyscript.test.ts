import t from 'tap'
import type { Outcome } from '../abi.ts'
import { startGuest } from '../guest.fixture.ts'
import { MAX_LINE_BYTES } from '../log-limit.ts'
import { fromAssemblyScript, fromWat, handle, RUNTIME } from '../test-modules.ts'

const START = ['--exportStart', '_initialize']

const script = `
@external('jobico', 'log') declare function log(level: i32, message: string): void
@external('jobico', 'reject') declare function reject(reason: string): void
@external('jobico', 'retry') declare function retry(afterSeconds: f64, reason: string): void
@external('jobico', 'env') declare function env(name: string): string | null

let runs = 0

class Node { next: Node | null; filling: StaticArray<u8> = new StaticArray<u8>(100000) }

function deep(n: i32): i32 { return n < 0 ? 0 : deep(n + 1) + 1 }

export function handle(event: string): string | null {
  runs++
  if (event == 'null') return null
  if (event == 'runs') return runs.toString()
  if (event == 'reject') reject('no such customer')
  if (event == 'reject long') reject('x'.repeat(2000))
  if (event == 'retry') retry(-1, 'later')
  if (event == 'retry NaN') retry(NaN, 'later')
  if (event == 'retry now') retry(0, 'later')
  if (event == 'retry 1.5') retry(1.5, 'later')
  if (event == 'retry never') retry(Infinity, 'later')
  if (event == 'abort') throw new Error('the sky fell')
  if (event == 'assert') assert(false)
  if (event == 'unreachable') unreachable()
  if (event == 'deep') return deep(0).toString()
  if (event == 'grow') { let last: Node | null = null; while (true) { const node = new Node(); node.next = last; last = node } }
  if (event == 'bounds') store<i32>(-1, 1)
  if (event == 'broken JSON') return '{"a":'
  if (event == 'empty') return ''
  if (event == 'half a pair') return '"' + String.fromCharCode(0xd83d) + '"'
  if (event == 'emoji') return '"\\u{1F980} gr\\u00fc\\u00df ' + String.fromCodePoint(0x10ffff) + '"'
  if (event == 'large') return '"' + 'x'.repeat(9000000) + '"'
  if (event == 'env') return '"' + env('A')! + (env('B') === null ? ' none' : '') + env('EMPTY')! + '"'
  if (event == 'inherited') return env('constructor') === null && env('__proto__') === null ? 'true' : 'false'
  if (event == 'long event') return event
  if (event == 'levels') { for (let level = -1; level < 7; level++) log(level, level.toString()) }
  if (event == 'console') {
    console.debug('d'); console.log('l'); console.info('i'); console.warn('w'); console.error('e')
    trace('t', 2, 1, 2.5); trace('only')
  }
  if (event == 'flood') { for (let line = 0; line < 300; line++) log(1, line.toString()) }
  if (event == 'long line') log(1, '\\u{1F980}'.repeat(3000))
  if (event == 'clock') return (Date.now() > 1600000000000 && Math.random() < 1).toString()
  return event.startsWith('{') ? event : null
}`

const ok = (data?: string): Outcome => ({ kind: 'ok', data })
const retry = (code: string, reason: RegExp) => ({ kind: 'retry', code, reason })
const later = { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'later' }

const cases = [
  { event: 'null', want: ok() },
  { event: '{"a":"\u{1F980}ä\\n"}', want: ok('{"a":"\u{1F980}ä\\n"}') },
  { event: 'emoji', want: ok('"\u{1F980} grüß \u{10ffff}"') },
  { event: 'reject', want: { kind: 'reject', code: 'REJECTED', reason: 'no such customer' } },
  { event: 'reject long', want: { kind: 'reject', reason: /^x{511}…$/ } },
  { event: 'retry', want: later, after: undefined },
  { event: 'retry NaN', want: later, after: undefined },
  { event: 'retry now', want: later, after: 0 },
  { event: 'retry 1.5', want: later, after: 1500 },
  { event: 'retry never', want: later, after: 2_592_000_000 },
  { event: 'abort', want: retry('MODULE_TRAP', /^abort: the sky fell at index\.ts:\d+:\d+ in handle$/) },
  { event: 'assert', want: retry('MODULE_TRAP', /^abort at index\.ts:\d+:\d+ in handle$/) },
  { event: 'unreachable', want: retry('MODULE_TRAP', /^the module trapped: unreachable in .*handle at 0x/) },
  { event: 'bounds', want: retry('MODULE_TRAP', /memory access out of bounds/) },
  { event: 'deep', want: retry('MODULE_TRAP', /Maximum call stack size exceeded/) },
  {
    event: 'grow',
    want: retry('MODULE_TRAP', /unreachable.*MiB of memory in use and no room.*raise `memory`/),
  },
  { event: 'broken JSON', want: retry('RESULT_INVALID', /not JSON: unexpected end/) },
  { event: 'empty', want: retry('RESULT_INVALID', /not JSON/) },
  { event: 'half a pair', want: retry('RESULT_INVALID', /surrogate/) },
  { event: 'env', want: ok('"b c none"') },
  { event: 'inherited', want: ok('true') },
  { event: 'clock', want: ok('true') },
  {
    event: `{"long":"${'x'.repeat(3_000_000)}"}`,
    want: retry('MODULE_TRAP', /no room for 5\.7 MiB more: raise `memory`/),
  },
  { event: 'null', want: ok() },
]

t.test('what becomes of an event in AssemblyScript', async (t) => {
  const { run } = startGuest(await fromAssemblyScript(script, '--debug', ...START), {
    env: { A: 'b c', EMPTY: '' },
  })
  for (const { event, want, ...rest } of cases) {
    const outcome = run(event)
    t.match(outcome, want, event.slice(0, 40))
    if ('after' in rest) t.equal(outcome.kind === 'retry' && outcome.afterMs, rest.after)
  }
  t.same(run('runs'), ok('1'), 'each event has an instance of its own')
  t.same(run('runs'), ok('1'))
})

t.test('what is logged', async (t) => {
  const { run, lines } = startGuest(await fromAssemblyScript(script, ...START))
  const logged = (event: string) => {
    lines.length = 0
    run(event)
    return lines.slice()
  }
  const levels = ['info', 'debug', 'info', 'warn', 'error', 'fatal', 'fatal', 'info']
  t.same(
    logged('levels'),
    levels.map((level, index) => [level, String(index - 1)]),
  )
  t.same(logged('console'), [
    ['debug', 'd'],
    ['info', 'l'],
    ['info', 'i'],
    ['warn', 'w'],
    ['error', 'e'],
    ['debug', 't 1 2.5'],
    ['debug', 'only'],
  ])
  t.same(logged('long line'), [['info', `${'\u{1F980}'.repeat(MAX_LINE_BYTES / 4)}…`]])
})

t.test('no more than 200 lines of an event are passed on', async (t) => {
  const { run, lines } = startGuest(await fromAssemblyScript(script))
  for (const execution of ['first', 'second']) {
    lines.length = 0
    run('flood')
    t.equal(lines.length, 201, execution)
    t.match(lines.at(-1), ['warn', /more than 200 lines/])
  }
})

t.test('the start of a module', async (t) => {
  const source = `
    console.log('starting'); let state = 'ready'
    export function handle(event: string): string | null { return '"' + state + '"' }`
  const exported = startGuest(await fromAssemblyScript(source, ...START))
  t.same(exported.run('{}'), ok('"ready"'))
  t.same(exported.lines, [['info', 'starting']])
  const early = startGuest(await fromAssemblyScript(source))
  t.same(early.run('{}'), ok('"ready"'))
  t.match(early.lines, [['info', /text of its start function; to see it, compile it with --exportStart/]])
  const aborts = startGuest(await fromAssemblyScript(`assert(false); ${source}`, ...START))
  t.match(aborts.run('{}'), retry('MODULE_TRAP', /^abort at index\.ts:1:1 in function \d+/))
})

const IMPORTS = `
  (import "jobico" "reject" (func $reject (param i32)))
  (import "jobico" "retry" (func $retry (param f64 i32)))
  (import "jobico" "env" (func $env (param i32) (result i32)))
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))`
const hostile = (body: string, ...parts: string[]) => fromWat(IMPORTS, RUNTIME, ...parts, handle(body))

const attacks: { name: string; bytes: Uint8Array; want: object }[] = [
  {
    name: 'a pointer past the end',
    bytes: hostile('i32.const 70000'),
    want: retry('RESULT_INVALID', /70000, where there is no string/),
  },
  {
    name: 'a pointer below zero',
    bytes: hostile('i32.const -2'),
    want: retry('RESULT_INVALID', /4294967294, where/),
  },
  {
    name: 'a pointer into the first bytes',
    bytes: hostile('i32.const 4'),
    want: retry('RESULT_INVALID', /4, where/),
  },
  {
    name: 'something that is no string',
    bytes: hostile('(call $new)', '(func $new (result i32) (i32.const 512))'),
    want: retry('RESULT_INVALID', /512, where/),
  },
  {
    name: 'a string longer than the memory',
    bytes: hostile('(i32.store (i32.const 60) (i32.const -4)) i32.const 64'),
    want: retry('RESULT_INVALID', /no string/),
  },
  {
    name: 'a string of an odd length',
    bytes: hostile('(i32.store (i32.const 60) (i32.const 3)) i32.const 64'),
    want: retry('RESULT_INVALID', /no string/),
  },
  { name: 'a string that is right', bytes: hostile('i32.const 64'), want: ok('42') },
  {
    name: 'a reject that the guest catches',
    bytes: hostile(
      '(try (do (call $reject (i32.const 32))) (catch_all (call $retry (f64.const 1) (i32.const 64)))) i32.const 64',
    ),
    want: { kind: 'reject', code: 'REJECTED', reason: 'hi' },
  },
  {
    name: 'an abort that the guest catches',
    bytes: hostile(
      '(try (do (call $abort (i32.const 32) (i32.const 0) (i32.const 7) (i32.const -1))) (catch_all)) i32.const 64',
    ),
    want: retry('MODULE_TRAP', /^abort: hi at :7:4294967295 in function \d+$/),
  },
  {
    name: 'a reason that is no string',
    bytes: hostile('(call $reject (i32.const 9000)) i32.const 64'),
    want: { kind: 'reject', reason: '(no string at 9000)' },
  },
  {
    name: 'no reason',
    bytes: hostile('(call $reject (i32.const 0)) i32.const 64'),
    want: { kind: 'reject', reason: '' },
  },
  {
    name: 'an exception of its own',
    bytes: hostile('(throw $mine) i32.const 0', '(tag $mine)'),
    want: retry('MODULE_TRAP', /an exception that it does not catch/),
  },
  {
    name: 'a division by zero',
    bytes: hostile('(i32.div_u (i32.const 1) (i32.const 0))'),
    want: retry('MODULE_TRAP', /divide by zero in function \d+ at 0x/),
  },
  {
    name: 'a call of env before its memory is known',
    bytes: fromWat(
      IMPORTS,
      RUNTIME,
      handle('i32.const 0'),
      '(func $s (drop (call $env (i32.const 32))))(start $s)',
    ),
    want: retry('MODULE_TRAP', /before its start was over: compile/),
  },
  {
    name: 'a trap in its start function',
    bytes: fromWat(RUNTIME, handle('i32.const 0'), '(func $s unreachable)(start $s)'),
    want: retry('MODULE_TRAP', /unreachable/),
  },
  {
    name: '_start, where there is no _initialize',
    bytes: hostile('i32.const 64', '(func (export "_start") (call $reject (i32.const 32)))'),
    want: { kind: 'reject', reason: 'hi' },
  },
  {
    name: 'an event larger than its memory may be',
    bytes: fromWat(
      IMPORTS,
      RUNTIME.replace('(global.get $top) (i32.const 16)', '(global.get $top) (i32.const 0x7fffffff)'),
      handle('i32.const 0'),
    ),
    want: retry('MODULE_TRAP', /out of bounds/),
  },
]

t.test('hostile modules get nothing but an outcome', (t) => {
  for (const { name, bytes, want } of attacks) {
    const before = Reflect.ownKeys(Object.prototype)
    t.match(startGuest(bytes).run('{}'), want, name)
    t.same(Reflect.ownKeys(Object.prototype), before, name)
  }
  t.end()
})

t.test('a result that no queue takes is rejected', async (t) => {
  const { run } = startGuest(await fromAssemblyScript(script), { memoryBytes: 64 * 2 ** 20 })
  t.match(run('large'), { kind: 'reject', code: 'RESULT_TOO_LARGE', reason: /9000002 characters/ })
})
