import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { startGuest } from '../guest.fixture.ts'
import { RESULT_CHARS } from '../result.ts'
import { createControl } from '../wasi/control.ts'

/** The programs in real languages, which build.sh compiles. */
const program = (name: string) => readFileSync(join(import.meta.dirname, name))

const ok = (...emitted: readonly (readonly [string, string])[]) => ({
  kind: 'ok',
  data: '1',
  ...(emitted.length === 0 ? {} : { emitted: emitted.map(([event, data]) => ({ event, data })) }),
})
const trap = (reason: string | RegExp) => ({ kind: 'retry', code: 'MODULE_TRAP', reason })
const broken = (reason: string | RegExp) => ({ kind: 'retry', code: 'RESULT_INVALID', reason })

const writer = startGuest(program('writer.wasm'), { events: ['second', 'third'] })

const failures: readonly { input: string; want: object }[] = [
  {
    input: '2 exit 1\n0 errors so far\ndisk quota is used up\n',
    want: trap('it exited with status 1: disk quota is used up'),
  },
  { input: '2 exit 1\nno newline', want: trap('it exited with status 1: no newline') },
  { input: '2 exit 7\n', want: trap('it exited with status 7') },
  { input: '2 exit 65\npanic: a\nlast\n', want: { kind: 'reject', code: 'REJECTED', reason: 'last' } },
  { input: '2 exit 75\nlater\n\n', want: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'later' } },
  {
    input: '2 exit 2\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:6 +0x2\n',
    want: trap('it exited with status 2: panic: boom; in main.main (main.go:6)'),
  },
  {
    input:
      "2 exit 101\nthread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`\n",
    want: trap('it exited with status 101: panicked at src/main.rs:2:5: boom'),
  },
  {
    input: '2 exit 2\nfatal error: out of memory\n\nruntime stack:\n',
    want: trap(
      /^it exited with status 2: fatal error: out of memory, with .* no room for .*: raise `memory`$/,
    ),
  },
  {
    input: '2 abort\nthe table is full\n',
    want: trap(
      /^the module trapped: unreachable in abort .*; its last line on standard error: the table is full$/,
    ),
  },
  { input: '2 abort\n', want: trap(/^the module trapped: unreachable in abort at 0x[0-9a-f]+$/) },
  {
    input: '2 assert\nfirst\n',
    want: trap(/^the module trapped: Assertion failed: how == NULL \(writer\.c: end: \d+\)$/),
  },
  {
    input: '2 abort\npanic: runtime error: index out of range\n',
    want: trap(/^the module trapped: panic: runtime error: index out of range; in abort at/),
  },
  { input: '2 divide\npanic: long ago\n', want: trap(/^the module trapped: divide by zero in \S+ at 0x/) },
]

t.test('why a program in C failed', (t) => {
  for (const { input, want } of failures) t.match(writer.run(input), want, input)
  t.end()
})

const emit = (event: string, data: string) => `{"emit":{"event":"${event}","data":${data}}}`

const lines: readonly { input: string; want: object }[] = [
  { input: '3 exit 0\n', want: ok() },
  { input: '3 exit 0\n\n  \n', want: ok() },
  { input: `3 exit 0\n${emit('second', '{"n": 1.0}')}\n`, want: ok(['second', '{"n": 1.0}']) },
  {
    input: `3 exit 0\n${emit('second', '1')}\r\n${emit('third', '"é\u{1F980}"')}\n${emit('second', 'null')}`,
    want: ok(['second', '1'], ['third', '"é\u{1F980}"'], ['second', 'null']),
  },
  {
    input: `3 exit 0\n{ "emit" : { "data" : 12345678901234567890.10 , "event" : "sec\\u006fnd" } }`,
    want: ok(['second', '12345678901234567890.10']),
  },
  {
    input: `3 exit 0\n${`${emit('second', '1')}\n`.repeat(50)}`,
    want: ok(...Array.from({ length: 50 }, () => ['second', '1'] as const)),
  },
  {
    input: `3 exit 0\n${emit('second', `"${'x'.repeat(900_000)}"`)}\n`,
    want: ok(['second', `"${'x'.repeat(900_000)}"`]),
  },
  {
    input: `3 exit 0\n${`${emit('second', '1')}\n`.repeat(51)}`,
    want: { kind: 'reject', code: 'RESULT_TOO_LARGE', reason: /more than 50 events/ },
  },
  {
    input: `3 exit 0\n${emit('other', '1')}\n`,
    want: {
      kind: 'reject',
      code: 'OUTPUT_INVALID',
      reason: /"other", which is no other event of its Job; those are: second, third/,
    },
  },
  { input: `3 exit 1\n${emit('second', '1')}\n`, want: trap('it exited with status 1') },
  { input: `3 abort\n${emit('second', '1')}\n`, want: trap(/unreachable/) },

  {
    input: '3 exit 0\n{"retry":{"after":30,"reason":"not yet"}}\n',
    want: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'not yet', afterMs: 30_000 },
  },
  {
    input: `3 exit 0\n${emit('second', '1')}\n{"retry":{"reason":"not yet","after":0.5}}`,
    want: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'not yet', afterMs: 500, emitted: undefined },
  },
  {
    input: '3 exit 75\n{"retry":{"after":30,"reason":"not yet"}}',
    want: { reason: 'not yet', afterMs: 30_000 },
  },
  { input: '3 exit 0\n{"retry":{"after":1e99,"reason":"a"}}\n', want: { afterMs: 2_592_000_000 } },
  {
    input: '3 exit 0\n{"retry":{"reason":"not yet"}}\n',
    want: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'not yet', afterMs: undefined },
  },
  {
    input: '3 exit 0\n{"reject":{"reason":"no such customer"}}\n',
    want: { kind: 'reject', code: 'REJECTED', reason: 'no such customer' },
  },
  {
    input: `3 exit 0\n{"reject":{"reason":"${'x'.repeat(600)}"}}\n`,
    want: { kind: 'reject', code: 'REJECTED', reason: /^x{511}…$/ },
  },

  { input: '3 exit 0\nemit\n', want: broken(/^line 1 on file descriptor 3 is not JSON: /) },
  {
    input: `3 exit 0\n${emit('second', '1')}\n{"emit":`,
    want: broken(/^line 2 on file descriptor 3 is not JSON: /),
  },
  { input: '3 exit 1\n{"emit":', want: trap('it exited with status 1') },
  {
    input: `3 exit 0\n${emit('second', '{"a":1,"a":2}')}\n`,
    want: broken(/^line 1 on file descriptor 3 .*has the key "a" twice/),
  },
  ...[
    '1',
    '[]',
    '{}',
    'null',
    '"emit"',
    '{"emit":1}',
    '{"emit":{"event":"second"}}',
    '{"emit":{"data":1}}',
    '{"emit":{"event":1,"data":1}}',
    '{"emit":{"event":"second","data":1,"after":1}}',
    `${emit('second', '1').slice(0, -1)},"retry":{"reason":"a"}}`,
    '{"Emit":{"event":"second","data":1}}',
    '{"retry":{}}',
    '{"retry":{"after":30}}',
    '{"retry":{"after":"30","reason":"a"}}',
    '{"retry":{"after":-1,"reason":"a"}}',
    '{"retry":{"after":null,"reason":"a"}}',
    '{"reject":{"after":1,"reason":"a"}}',
    '{"reject":"a"}',
    '{"log":{"message":"a"}}',
  ].map((line) => ({
    input: `3 exit 0\n${line}\n`,
    want: broken(/^line 1 on file descriptor 3 is none of \{"emit":\{"event":.*\{"retry":.*\{"reject":/),
  })),
]

t.test('what a program in C asks for on file descriptor 3', (t) => {
  for (const { input, want } of lines) t.match(writer.run(input), want, input.slice(0, 100))
  t.end()
})

t.test('nothing of one execution is in the next', (t) => {
  t.same(writer.run(`3 exit 1\n${emit('second', '1')}\n{"emit":`), trap('it exited with status 1'))
  t.same(writer.run('3 exit 0\n'), ok())
  t.same(writer.run(`3 exit 0\n${emit('second', '2')}\n`), ok(['second', '2']))
  t.end()
})

const rust: Readonly<Record<string, object>> = {
  none: ok(),
  panic: trap('the module trapped: panicked at panics.rs:17:20: order 5 has no items'),
  lines: trap(/^the module trapped: panicked at panics\.rs:18:20: first third$/),
  equal: trap(
    /^the module trapped: panicked at panics\.rs:19:20: assertion failed: .*left: `0`, right: `1`: items$/,
  ),
  unwrap: trap(
    /^the module trapped: panicked at panics\.rs:20:\d+: called `Option::unwrap\(\)` on a `None` value$/,
  ),
  error: trap(/^the module trapped: panicked at panics\.rs:21:\d+: a number: ParseIntError/),
  index: trap(/^the module trapped: panicked at panics\.rs:22:\d+: index out of bounds/),
  memory: trap(/^the module trapped: memory allocation of 1610612736 bytes failed, with .*: raise `memory`;/),
  emit: ok(['second', '{"n":1}']),
  retry: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'not yet', afterMs: 1_500 },
}

t.test('a program in Rust', (t) => {
  const guest = startGuest(program('panics.wasm'), { events: ['second'] })
  for (const [input, want] of Object.entries(rust)) t.match(guest.run(input), want, input)
  t.end()
})

t.test('how much a program may write to file descriptor 3', (t) => {
  const control = createControl({ events: new Set() })
  const blank = new Uint8Array(RESULT_CHARS / 8).fill(0x20)
  for (let part = 0; part < 8; part += 1) t.equal(control.write(blank), undefined)
  t.match(control.write(new Uint8Array(1)), {
    kind: 'reject',
    code: 'RESULT_TOO_LARGE',
    reason: /8388608 bytes/,
  })
  t.end()
})
