import t from 'tap'
import { JobicoError } from '../../process/errors.ts'
import { lebOf } from '../check/bytes.ts'
import { checkModule } from '../check/check.ts'
import { startGuest } from '../guest.fixture.ts'
import { PREVIEW1 } from '../wasi/preview1-types.ts'
import { RUNTIME, fromWat, handle } from '../test-modules.ts'
import { commandOf, nested, withBodies, withBody } from './binary.fixture.ts'
import { command, original, script } from './wat.fixture.ts'

const MEMORY_BYTES = 64 * 2 ** 20
const OK = handle('i32.const 64')
const times = (count: number, text: string | ((index: number) => string)) =>
  Array.from({ length: count }, (_, index) => (typeof text === 'string' ? text : text(index))).join(' ')
const locals = (count: number) => `(local ${times(count, 'i32')})`

interface Refused {
  readonly name: string
  readonly bytes: () => Uint8Array
  readonly says: RegExp
}

const PROTOTYPE = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf', 'then']
const TOO_DEAR = /function \d+ .*: compile it with optimisation, or split it/

const refused: readonly Refused[] = [
  // What every object inherits is offered by nobody.
  ...PROTOTYPE.flatMap((name) => [
    ...[PREVIEW1, 'env', 'jobico'].map((module) => ({
      name: `imports ${module}.${name}`,
      bytes: () => fromWat(`(import "${module}" "${name}" (func))`, RUNTIME, OK),
      says: new RegExp(`imports ${module}\\.${name}, which is not offered`),
    })),
    ...['toString', name].map((inner) => ({
      name: `imports ${name}.${inner}`,
      bytes: () => fromWat(`(import "${name}" "${inner}" (func))`, RUNTIME, OK),
      says: new RegExp(`imports ${name}\\.${inner}, which is not offered`),
    })),
    {
      name: `imports ${name} of WASI into a command`,
      bytes: () =>
        fromWat(
          `(import "${PREVIEW1}" "${name}" (func))`,
          '(memory (export "memory") 1) (func (export "_start"))',
        ),
      says: /which is not offered/,
    },
  ]),
  ...[
    '__proto__',
    'memory.get:buffer',
    'again.grow',
    'memory.buffer.byteLength',
    'set:handle',
    'Array#at',
  ].map((name) => ({
    name: `${name} as an export`,
    bytes: () => script('i32.const 64', `(export "again" (memory 0)) (func (export "${name}") unreachable)`),
    says: /the export \S+ has a name that assemblyscript does not allow/,
  })),
  // Entries that are something else.
  {
    name: 'init that is a global',
    bytes: () =>
      fromWat(
        '(memory (export "memory") 1) (global (export "init") i32 (i32.const 1))',
        '(func (export "event") (param i32 i32 i32)) (func (export "malloc") (param i32) (result i32) i32.const 0)',
        '(func (export "free") (param i32))',
      ),
    says: /its export init is global, not \(\) -> nothing/,
  },
  {
    name: '_start that is a table',
    bytes: () => fromWat('(memory (export "memory") 1) (table (export "_start") 1 1 funcref)'),
    says: /its export _start is table, not \(\) -> nothing/,
  },
  {
    name: 'memory that is a function',
    bytes: () => fromWat('(func (export "memory")) (func (export "_start"))'),
    says: /its export memory is \(\) -> nothing, not memory/,
  },
  {
    name: 'a memory under another name',
    bytes: () => fromWat('(memory (export "mem") 1) (func (export "_start"))'),
    says: /lacks the export memory/,
  },
  {
    name: 'an export that comes twice',
    bytes: () => {
      const bytes = fromWat('(memory (export "memory") 1) (func (export "memori")) (func (export "_start"))')
      bytes[Buffer.from(bytes).indexOf('memori') + 5] = 'y'.charCodeAt(0)
      return bytes
    },
    says: /is broken: .*[Dd]uplicate export/,
  },
  {
    name: '4 GiB of memory at once',
    bytes: () => fromWat('(memory (export "memory") 65536) (func (export "_start"))'),
    says: /starts with 4096 MiB of memory, its cap is 64 MiB/,
  },
  // What would take the compiler minutes, or gigabytes: V8 can't be stopped once it compiles a function.
  {
    name: '50,000 variables at 20,000 branches',
    bytes: () => script(`${locals(50_000)} ${times(20_000, '(if (i32.const 0) (then))')} i32.const 64`),
    says: TOO_DEAR,
  },
  {
    name: '50,000 variables at 1,000 loops',
    bytes: () => script(`${locals(50_000)} ${times(1_000, '(loop)')} i32.const 64`),
    says: TOO_DEAR,
  },
  {
    name: '50,000 values on the stack at 1,000 branches',
    bytes: () =>
      script(
        `${times(50_000, 'i32.const 0')} ${times(1_000, '(if (i32.const 0) (then))')} ${times(50_000, 'drop')} i32.const 64`,
      ),
    says: TOO_DEAR,
  },
  {
    name: '50,000 variables, each of them set',
    bytes: () =>
      script(`${locals(50_000)} ${times(50_000, (n) => `(local.set ${n} (memory.size))`)} i32.const 64`),
    says: TOO_DEAR,
  },
  {
    name: 'blocks nested 100,000 deep',
    bytes: () => nested(100_000),
    says: /function \d+ nests blocks 100001 deep, the limit is 20000/,
  },
  // V8 does not end a thread that goes on in tail calls.
  ...[
    ['a tail call', '(return_call $f)'],
    ['an indirect tail call', '(return_call_indirect (result i32) (i32.const 0))'],
  ].map(([name, call]) => ({
    name: String(name),
    bytes: () =>
      script('(call $f)', `(table 1 1 funcref) (elem (i32.const 0) $f) (func $f (result i32) ${call})`),
    says: /function 12 has tail calls, which no deadline can stop: compile it without them/,
  })),
  // What the engine reads otherwise than we do would hide what follows it.
  {
    name: 'a tail call behind a type that has the byte of an end in it',
    bytes: () => withBody(0, Buffer.from('d00bd00b41001c01630b1a1200', 'hex')),
    says: /function 0 has tail calls/,
  },
  {
    name: 'code behind the end of a function',
    bytes: () => withBody(0, Buffer.from('0b1200', 'hex')),
    says: /is broken: .*a function goes on after its end/,
  },
  ...[
    ['the empty type of a block in two bytes', '02c07f0b'],
    ['a reference whose type has two bytes', '0263f07f000b'],
    ['a null whose type has two bytes', 'd0f07f1a'],
  ].map(([name, code = '']) => ({
    name: String(name),
    bytes: () => withBody(0, Buffer.from(code, 'hex')),
    says: /is broken: .*a type in the code has more bytes than it needs/,
  })),
  ...[
    ['a block that gives packed numbers', '0278410b0b', /the type 0x78 is not supported/],
    ['a shared reference', '0264656f000b', /the type 0x65 is not supported/],
    ['a catch of no kind', '1f40010400000b', /the catch 0x4 is not supported/],
    ['an instruction of garbage collection', '4100fb1c1a', /the instruction 0xfb is not supported/],
  ].map(([name, code, says]) => ({
    name: String(name),
    bytes: () => withBody(0, Buffer.from(String(code), 'hex')),
    says: says as RegExp,
  })),
  {
    name: '500 branches with 500 ways each',
    bytes: () => {
      const labels = Buffer.from([
        ...lebOf(500),
        ...Array.from({ length: 501 }, (_, depth) => lebOf(depth)).flat(),
      ])
      const table = Buffer.concat([Buffer.from('024041000e', 'hex'), labels, Buffer.from([0x0b])])
      const inner = Array.from({ length: 500 }, () => table)
      const [opened, ended] = [Buffer.from('0240'.repeat(500), 'hex'), Buffer.alloc(500, 0x0b)]
      return withBody(200, Buffer.concat([opened, ...inner, ended]))
    },
    says: TOO_DEAR,
  },
  {
    name: 'more elements of tables than can be filled in while nothing stops it',
    bytes: () => {
      const count = 1_000_000
      const segment = Buffer.concat([Buffer.from([0, 0x41, 0, 0x0b, ...lebOf(count)]), Buffer.alloc(count)])
      const table = Buffer.from([1, 0x70, 1, ...lebOf(count), ...lebOf(count)])
      return commandOf([Buffer.from([2, 0, 0x0b])], {
        table,
        elements: Buffer.concat([Buffer.from([2]), segment, segment]),
      })
    },
    says: /what fills its tables has 20000\d\d bytes, the limit is 2000000/,
  },
  {
    name: 'more functions with variables than can be looked at',
    bytes: () => withBodies(1_100, 50_000),
    says: /more than 50000000 variables in all/,
  },
  // Limits of the engine.
  {
    name: '50,001 variables',
    bytes: () => script(`${locals(50_001)} i32.const 64`),
    says: /is broken: .*local count too large/,
  },
  {
    name: 'a br_table of 70,000 entries',
    bytes: () => script(`(block (br_table ${times(70_000, '0')} (i32.const 0))) i32.const 64`),
    says: /is broken: .*br_table/i,
  },
  {
    name: 'more than 100,000 segments of data',
    bytes: () => script('i32.const 64', times(100_001, '(data "")')),
    says: /is broken: .*data segments? count/i,
  },
]

t.test('is refused, and what it would cost is not paid', (t) => {
  for (const { name, bytes, says } of refused) {
    try {
      checkModule(bytes(), { name: 'a.wasm', memoryBytes: MEMORY_BYTES })
      t.fail(`${name}: it was taken`)
    } catch (thrown) {
      if (!(thrown instanceof JobicoError)) throw thrown
      t.equal(thrown.code, 'MODULE_INVALID', name)
      t.match(thrown.message, says, name)
    }
  }
  t.end()
})

const taken: readonly { readonly name: string; readonly bytes: () => Uint8Array; readonly data?: string }[] =
  [
    { name: '50,000 functions', bytes: () => script('i32.const 64', times(50_000, '(func)')) },
    {
      name: '50,000 exports',
      bytes: () =>
        script(
          'i32.const 64',
          times(50_000, (n) => `(func (export "f${n}"))`),
        ),
    },
    { name: '50,000 variables, its event counted', bytes: () => script(`${locals(49_999)} i32.const 64`) },
    {
      name: '50,000 segments of data',
      bytes: () => script('i32.const 64', times(50_000, '(data (i32.const 500) "x")')),
    },
    {
      name: '50,000 globals',
      bytes: () => script('i32.const 64', times(50_000, '(global (mut i64) (i64.const 7))')),
    },
    { name: '50,000 types', bytes: () => script('i32.const 64', times(50_000, '(type (func (param i32)))')) },
    {
      name: 'a br_table of 65,000 entries',
      bytes: () => script(`(block (br_table ${times(65_000, '0')} (local.get 0))) i32.const 64`),
    },
    {
      name: 'a table with all that it may have',
      bytes: () =>
        script(
          '(drop (table.grow 0 (ref.null func) (i32.const 999999))) (select (i32.const 64) (i32.const 32) (i32.eq (table.size 0) (i32.const 1000000)))',
          '(table 1 1000000 funcref)',
        ),
    },
    {
      name: 'a table that refuses to grow further',
      bytes: () =>
        script(
          '(select (i32.const 64) (i32.const 32) (i32.eq (table.grow 0 (ref.null extern) (i32.const -1)) (i32.const -1)))',
          '(table 1 1000000 externref)',
        ),
    },
    {
      name: 'memory that is exported twice',
      bytes: () => script('i32.const 64', '(export "again" (memory 0)) (export "__proto" (memory 0))'),
    },
    {
      name: 'values of an enum as exports',
      bytes: () =>
        script('i32.const 64', '(global (export "Colour.RED") i32 (i32.const 1)) (func (export "handle.x"))'),
    },
    ...PROTOTYPE.filter((name) => name !== '__proto__').map((name) => ({
      name: `${name} as an export`,
      bytes: () => script('i32.const 64', `(func (export "${name}") unreachable)`),
    })),
    {
      name: '__proto__ as an export of a command',
      bytes: () => command('', '(func (export "__proto__") unreachable) (func (export "constructor"))'),
      data: 'nothing',
    },
    {
      name: '__proto__ as an export of the original ABI',
      bytes: () => original('', { more: '(func (export "__proto__") unreachable)' }),
      data: 'nothing',
    },
    {
      name: '12,000 sums of vectors',
      bytes: () =>
        script(
          `(local $sum v128) (local $by v128) (local.set $by (v128.const i32x4 0 0 0 1))
          ${times(12_000, '(local.set $sum (i32x4.add (local.get $sum) (local.get $by)))')}
          (select (i32.const 64) (i32.const 32) (i32.eq (i32x4.extract_lane 3 (local.get $sum)) (i32.const 12000)))`,
        ),
    },
    {
      name: 'a choice between references',
      bytes: () =>
        script(
          '(select (i32.const 64) (i32.const 32) (ref.is_null (select (result funcref) (ref.null func) (ref.null func) (i32.const 0))))',
        ),
    },
    { name: 'blocks nested 10,000 deep', bytes: () => nested(10_000), data: 'nothing' },
  ]

t.test('is taken, and runs as any other', (t) => {
  for (const { name, bytes, data = '42' } of taken) {
    const before = Reflect.ownKeys(Object.prototype)
    const { run } = startGuest(bytes())
    t.strictSame(run('{}'), { kind: 'ok', data: data === 'nothing' ? undefined : data }, name)
    t.same(Reflect.ownKeys(Object.prototype), before, name)
  }
  t.end()
})
