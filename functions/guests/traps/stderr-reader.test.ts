import t from 'tap'

import { stderrReader } from './stderr-reader.ts'

interface Case {
  readonly name: string
  readonly lines: string
  /** For a program that exits. */
  readonly message: string | undefined
  /** For a program that traps; by default the same. */
  readonly atTrap?: string | undefined
  readonly place?: string
  readonly isMemory?: boolean
  readonly hasPlace?: boolean
}

const NOTE = 'note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace'
const GOROUTINE = `goroutine 1 [running]:
main.(*table).at(...)
\t/home/ada/shop/table.go:13
main.main()
\t/home/ada/shop/main.go:23 +0x5a`

const cases: readonly Case[] = [
  { name: 'nothing', lines: '', message: undefined },
  { name: 'blank lines', lines: '\n  \n', message: undefined },
  {
    name: 'the last line, not one that contains a word',
    lines: '0 errors so far\ndisk quota is used up',
    message: 'disk quota is used up',
    atTrap: undefined,
  },
  { name: 'blank lines at the end', lines: 'why\n\n \n', message: 'why', atTrap: undefined },
  {
    name: 'a line of signs only',
    lines: 'Error: Bad {\n    x: 1,\n}',
    message: 'Error: Bad {',
    atTrap: undefined,
  },
  { name: 'control characters', lines: 'a\u001b[31mb\u0007\tc', message: 'ab c', atTrap: undefined },

  {
    name: 'Rust before 1.73',
    lines: `thread 'main' panicked at 'order 5 has no items', src/main.rs:2:5\n${NOTE}`,
    message: 'panicked at src/main.rs:2:5: order 5 has no items',
    hasPlace: true,
  },
  {
    name: 'Rust before 1.73, in lines',
    lines: `thread 'main' panicked at 'assertion failed: \`(left == right)\`\n  left: \`0\`,\n right: \`1\`: items', src/main.rs:2:5\n${NOTE}`,
    message: 'panicked at src/main.rs:2:5: assertion failed: `(left == right)` left: `0`, right: `1`: items',
  },
  {
    name: 'Rust before 1.73, with quotes',
    lines: `thread 'main' panicked at 'called \`Result::unwrap()\` on an \`Err\` value: "it's"', src/a.rs:1:2`,
    message: 'panicked at src/a.rs:1:2: called `Result::unwrap()` on an `Err` value: "it\'s"',
  },
  {
    name: 'Rust since 1.73',
    lines: `\nthread 'main' panicked at src/main.rs:2:5:\norder 5 has no items\n${NOTE}\n`,
    message: 'panicked at src/main.rs:2:5: order 5 has no items',
    hasPlace: true,
  },
  {
    name: 'Rust with a number of the thread',
    lines: `thread 'main' (1) panicked at src/main.rs:7:23:\nassertion \`left == right\` failed: totals\n  left: 1\n right: 2\n${NOTE}`,
    message: 'panicked at src/main.rs:7:23: assertion `left == right` failed: totals left: 1 right: 2',
  },
  {
    name: 'Rust with a backtrace',
    lines: `thread 'main' panicked at src/main.rs:6:24:\nfirst\n\nthird\nstack backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/59807616/library/std/src/panicking.rs:689:5\n   2: a::main\nnote: Some details are omitted, run with \`RUST_BACKTRACE=full\` for a verbose backtrace.`,
    message: 'panicked at src/main.rs:6:24: first third',
  },
  {
    name: 'Rust in a library',
    lines: `thread 'main' panicked at /rustc/59807616/library/alloc/src/raw_vec.rs:24:5:\ncapacity overflow\n${NOTE}`,
    message: 'panicked at /rustc/59807616/library/alloc/src/raw_vec.rs:24:5: capacity overflow',
    hasPlace: false,
  },
  {
    name: 'Rust without a thread, from a hook of its own',
    lines: 'panicked at src/lib.rs:3:5:\nboom',
    message: 'panicked at src/lib.rs:3:5: boom',
  },
  {
    name: 'a panic of Rust that was caught, then another reason',
    lines: `thread 'main' panicked at src/main.rs:2:5:\nboom\n${NOTE}\ndisk quota is used up`,
    message: 'disk quota is used up',
    atTrap: undefined,
  },
  {
    name: 'Rust out of memory',
    lines: 'memory allocation of 1073741824 bytes failed',
    message: 'memory allocation of 1073741824 bytes failed',
    isMemory: true,
  },
  {
    name: 'the causes of an error of Rust',
    lines: 'Error: can not load\n\nCaused by:\n    0: a.json\n    1: no such file',
    message: 'Error: can not load',
    atTrap: undefined,
  },

  {
    name: 'Go',
    lines: `panic: boom\n\n${GOROUTINE}\nexit status 2`,
    message: 'panic: boom',
    place: 'main.(*table).at (table.go:13)',
  },
  {
    name: 'Go, with a signal',
    lines: `panic: runtime error: invalid memory address or nil pointer dereference\n[signal 0xb code=0x0 addr=0x0 pc=0x0]\n\ngoroutine 1 [running]:\nmain.main()\n\texample.com/gop/main.go:26 +0x13`,
    message: 'panic: runtime error: invalid memory address or nil pointer dereference',
    place: 'main.main (example.com/gop/main.go:26)',
  },
  {
    name: 'Go, nested',
    lines: `panic: first\n\tpanic: second\n\ngoroutine 1 [running]:\nmain.main.func1()\n\texample.com/gop/main.go:28 +0x2\npanic({0x11240, 0x347d8})\n\truntime/panic.go:860 +0x1c\nmain.main()\n\texample.com/gop/main.go:29 +0x54`,
    message: 'panic: first; panic: second',
    place: 'main.main.func1 (example.com/gop/main.go:28)',
  },
  {
    name: 'Go, recovered',
    lines: `panic: first [recovered]\n\tpanic: second\n\n${GOROUTINE}`,
    message: 'panic: first [recovered]; panic: second',
  },
  { name: 'Go, in lines', lines: `panic: a: b\n\tc\n\n${GOROUTINE}`, message: 'panic: a: b c' },
  {
    name: 'Go, called through its own packages',
    lines: `panic: boom\n\ngoroutine 7 gp=0x1 m=0 mp=0x2 [running]:\npanic({0x1, 0x2})\n\truntime/panic.go:860 +0x1c fp=0x1 sp=0x2 pc=0x3\nencoding/json.Unmarshal({0x1, 0x2, 0x3}, {0x4?, 0x5?})\n\tencoding/json/decode.go:9 +0x2\nexample.com/shop/cart.Total[...](0x1)\n\texample.com/shop/cart/cart.go:9 +0x2 fp=0x1 sp=0x2 pc=0x3\ncreated by main.main in goroutine 1\n\texample.com/shop/main.go:1 +0x1`,
    message: 'panic: boom',
    place: 'example.com/shop/cart.Total[...] (example.com/shop/cart/cart.go:9)',
  },
  {
    name: 'Go out of memory',
    lines: `runtime: out of memory: cannot allocate 4194304-byte block (62652416 in use)\nfatal error: out of memory\n\nruntime stack:\nruntime.throw({0x1f5cb?, 0x0?})\n\truntime/panic.go:1229 +0x3 fp=0x1c4d80 sp=0x1c4d58 pc=0x147d0003\n\ngoroutine 1 gp=0x4041c0 m=0 mp=0x6b9a0 [running]:\nruntime.systemstack_switch()\n\truntime/asm_wasm.s:171 +0x2 fp=0x1 sp=0x2 pc=0x3\nmain.main()\n\ttry/main.go:6 +0x7 fp=0x445fe0 sp=0x445f50 pc=0x15de0007`,
    message: 'fatal error: out of memory',
    place: 'main.main (try/main.go:6)',
    isMemory: true,
  },
  {
    name: 'Go in a deadlock',
    lines:
      'fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive (nil chan)]:\nmain.main()\n\texample.com/gop/main.go:35 +0x51',
    message: 'fatal error: all goroutines are asleep - deadlock!',
    place: 'main.main (example.com/gop/main.go:35)',
  },
  { name: 'Go without traces', lines: 'panic: boom', message: 'panic: boom' },
  {
    name: 'a stack of Go that was logged, then another reason',
    lines: `panic: handled\n${GOROUTINE}\ndisk quota is used up`,
    message: 'disk quota is used up',
    atTrap: undefined,
  },
  {
    name: 'a reason, then a stack of Go',
    lines: `it broke\n${GOROUTINE}`,
    message: 'it broke',
    atTrap: undefined,
  },
  {
    name: 'a line that begins like a panic, then another reason',
    lines: 'panic: not this time\ndisk quota is used up',
    message: 'disk quota is used up',
    atTrap: 'panic: not this time disk quota is used up',
  },
  {
    name: 'TinyGo',
    lines: 'panic: runtime error at 0x00001a: index out of range',
    message: 'panic: runtime error at 0x00001a: index out of range',
  },
  {
    name: 'TinyGo out of memory',
    lines: 'panic: runtime error at 0x00001a: out of memory',
    message: 'panic: runtime error at 0x00001a: out of memory',
    isMemory: true,
  },

  {
    name: 'C',
    lines: 'Assertion failed: n == 0 && "none" (a.c: main: 3)',
    message: 'Assertion failed: n == 0 && "none" (a.c: main: 3)',
    hasPlace: true,
  },
  {
    name: 'C of glibc',
    lines: "a.out: a.c:3: main: Assertion `n == 0' failed.",
    message: "a.out: a.c:3: main: Assertion `n == 0' failed.",
    hasPlace: true,
  },
  {
    name: 'C++',
    lines: 'libc++abi: terminating due to uncaught exception of type std::runtime_error: boom',
    message: 'libc++abi: terminating due to uncaught exception of type std::runtime_error: boom',
    hasPlace: false,
  },
  {
    name: 'C++ of libstdc++',
    lines: "terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom",
    message: "terminate called after throwing an instance of 'std::runtime_error' what(): boom",
  },
  {
    name: 'C++ out of memory',
    lines: 'libc++abi: terminating due to uncaught exception of type std::bad_alloc: std::bad_alloc',
    message: 'libc++abi: terminating due to uncaught exception of type std::bad_alloc: std::bad_alloc',
    isMemory: true,
  },
  {
    name: 'Zig',
    lines:
      'thread 1 panic: index 5\n/home/ada/a.zig:3:5: 0x12 in main (a)\n    at(5)\n???:?:?: 0x12 in ??? (???)',
    message: 'thread 1 panic: index 5',
  },
  {
    name: 'Swift',
    lines: 'main/a.swift:3: Fatal error: Index out of range',
    message: 'main/a.swift:3: Fatal error: Index out of range',
    hasPlace: true,
  },

  {
    name: 'AssemblyScript with its shim of WASI',
    lines: 'abort: no items in assembly/index.ts(3:5)',
    message: 'abort: no items in assembly/index.ts(3:5)',
    atTrap: undefined,
  },
  {
    name: 'Python',
    lines:
      'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n    f()\nValueError: no items',
    message: 'ValueError: no items',
    atTrap: undefined,
  },
  {
    name: 'JavaScript',
    lines: 'Error: no items\n    at f (a.mjs:3:9)\n    at <anonymous> (a.mjs:1)',
    message: 'Error: no items',
    atTrap: undefined,
  },
  {
    name: 'JavaScript of SpiderMonkey',
    lines: 'Error: no items\nf@a.mjs:3:9\n@a.mjs:1:1',
    message: 'Error: no items',
    atTrap: undefined,
  },
  {
    name: 'Ruby',
    lines: "a.rb:1:in 'f': no items (RuntimeError)\n\tfrom a.rb:3:in '<main>'",
    message: "a.rb:1:in 'f': no items (RuntimeError)",
    atTrap: undefined,
  },
  {
    name: 'Haskell',
    lines: 'a: no items\nCallStack (from HasCallStack):\n  error, called at a.hs:1:8 in main:Main',
    message: 'a: no items',
    atTrap: undefined,
  },
  {
    name: 'C#',
    lines: 'Unhandled exception. System.Exception: no items\n   at Program.Main() in a.cs:line 3',
    message: 'Unhandled exception. System.Exception: no items',
    atTrap: undefined,
  },
  { name: 'nothing but indented lines', lines: '  a\n  b', message: 'b', atTrap: undefined },
]

function read(lines: string) {
  const reader = stderrReader()
  for (const line of lines.split('\n')) reader.line(line)
  return { atExit: reader.message(), atTrap: reader.runtimeMessage() }
}

t.test('the message that says why a program ended', (t) => {
  for (const each of cases) {
    const { atExit, atTrap } = read(each.lines)
    t.equal(atExit?.text, each.message, each.name)
    t.equal(atTrap?.text, 'atTrap' in each ? each.atTrap : each.message, `${each.name}, at a trap`)
  }
  t.end()
})

t.test('what else is known of the message', (t) => {
  for (const { name, lines, place, hasPlace, isMemory = false } of cases) {
    const { atExit } = read(lines)
    if (place !== undefined) t.equal(atExit?.place, place, `${name}: place`)
    if (hasPlace !== undefined) t.equal(atExit?.hasPlace, hasPlace, `${name}: whether it has a place`)
    t.equal(atExit?.isMemory ?? false, isMemory, `${name}: memory`)
  }
  t.end()
})

t.test('a program that writes without end takes no more memory and time than its lines', (t) => {
  const reader = stderrReader()
  reader.line("thread 'main' panicked at src/main.rs:2:5:")
  for (let line = 0; line < 10_000; line += 1) reader.line('.a(b'.repeat(1_000))
  t.match(reader.message(), { text: /^panicked at src\/main\.rs:2:5: \.a\(b.{0,400}$/ })
  t.end()
})
