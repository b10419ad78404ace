import fc from 'fast-check'
import t from 'tap'
import { JobicoError } from '../../process/errors.ts'
import { capMemory } from './memory-limit.ts'
import { MODULE_BYTES } from '../../modules/module-size.ts'
import { checkModule } from './check.ts'
import { fromAssemblyScript, fromWat, handle, RUNTIME } from '../test-modules.ts'
import { readWasm } from './wasm.ts'

const MiB = 1024 * 1024
const ascii = (text: string) => new TextEncoder().encode(text)
const NULL = handle('i32.const 0')
const IMPORT = (name: string, type = '(param i32)') => `(import "env" "${name}" (func ${type}))`
const good = fromWat(RUNTIME, NULL)

function refusal(bytes: Uint8Array, name = 'a.wasm', memoryBytes = 64 * MiB): JobicoError {
  try {
    checkModule(bytes, { name, memoryBytes })
  } catch (thrown) {
    if (thrown instanceof JobicoError) return thrown
    throw thrown
  }
  throw new Error('it was taken')
}

t.test('takes a module, caps it, and gives the digest of what it was given', async (t) => {
  const source = `export function handle(event: string): string | null {
    console.log('a'); console.info('a'); console.warn('a'); console.error('a'); console.debug('a'); trace('a', 1, 2)
    return Math.random() > 2 || Date.now() < 1 ? null : event
  }`
  for (const bytes of [
    good,
    await fromAssemblyScript(source),
    await fromAssemblyScript(source, '--runtime', 'stub'),
  ]) {
    const { abi, bytes: capped, digest } = checkModule(bytes, { name: 'a.wasm', memoryBytes: 2 * MiB + 5 })
    t.equal(abi, 'assemblyscript')
    t.match(digest, /^sha256-[0-9a-f]{64}$/)
    t.equal(digest, checkModule(bytes, { name: 'b.wasm', memoryBytes: MiB }).digest)
    t.match(readWasm(capped).memories, [{ max: 32 }])
    t.ok(WebAssembly.validate(capped))
  }
})

t.test('says whether a module may emit', (t) => {
  const write = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
  const emit = '(import "jobico" "emit" (func (param i32 i32)))'
  const start = '(func (export "_start"))'
  const memory = '(memory (export "memory") 1)'
  const cases = [
    { bytes: good, emits: false },
    { bytes: fromWat(emit, RUNTIME, NULL), emits: true },
    { bytes: fromWat(write, RUNTIME, NULL), emits: false },
    { bytes: fromWat(memory, start), emits: false },
    { bytes: fromWat(write, memory, start), emits: true },
  ]
  for (const { bytes, emits } of cases)
    t.equal(checkModule(bytes, { name: 'a.wasm', memoryBytes: MiB }).emits, emits)
  t.end()
})

const refused: { name: string; bytes: Uint8Array; says: RegExp[] }[] = [
  { name: 'nothing', bytes: new Uint8Array(), says: [/a\.wasm is empty/, /npx asc/] },
  {
    name: 'too large',
    bytes: new Uint8Array(MODULE_BYTES + 1),
    says: [/has 67108865 bytes, the limit is 67108864 \(64 MiB\)/],
  },
  {
    name: 'a page of HTML',
    bytes: ascii('<!doctype html>'),
    says: [/no WebAssembly: it starts with "<!doctyp" \(3c 21/, /npx asc/],
  },
  { name: 'the text format', bytes: ascii(';; a\n (module)'), says: [/wat2wasm/] },
  { name: 'a component', bytes: Uint8Array.of(0, 0x61, 0x73, 0x6d, 13, 0, 1, 0), says: [/component/] },
  {
    name: 'a module cut short',
    bytes: good.slice(0, good.length - 9),
    says: [/broken: .*at offset \d+ \(0x/, /compile it again/],
  },
  { name: 'only its first 8 bytes', bytes: good.slice(0, 8), says: [/no known entry/, /exports nothing/] },
  {
    name: 'garbage after the magic',
    bytes: Uint8Array.of(...good.slice(0, 8), 0xff, 0xff),
    says: [/no section 255/],
  },
  {
    name: 'a body that is not valid',
    bytes: fromWat(RUNTIME, handle('i64.const 0')),
    says: [/broken: .*Compiling function/],
  },
  {
    name: 'no handle',
    bytes: fromWat(RUNTIME, '(func (export "main"))'),
    says: [/no known entry/, /needs the export handle: \(i32\) -> i32/, /exports memory, __new.*main/],
  },
  {
    name: 'handle of another type',
    bytes: fromWat(RUNTIME, '(func (export "handle") (result i64) i64.const 0)'),
    says: [/handle is \(\) -> i64, not \(i32\) -> i32/],
  },
  {
    name: 'handle that is no function',
    bytes: fromWat(RUNTIME, '(global (export "handle") i32 i32.const 1)'),
    says: [/handle is global, not/],
  },
  {
    name: 'no runtime',
    bytes: fromWat('(memory (export "memory") 1)', NULL),
    says: [/lacks the export __new: compile it with --exportRuntime/, /__collect/],
  },
  {
    name: 'no exported memory',
    bytes: fromWat(RUNTIME.replace('(export "memory")', ''), NULL),
    says: [/lacks the export memory: .*--noExportMemory/],
  },
  {
    name: '_start with a parameter',
    bytes: fromWat(RUNTIME, NULL, '(func (export "_start") (param i32))'),
    says: [/_start is \(i32\) -> nothing/],
  },
  {
    name: 'an unknown import',
    bytes: fromWat(IMPORT('fetch'), RUNTIME, NULL),
    says: [/imports env\.fetch, which is not offered/, /offered: env\.abort.*jobico\.reject/],
  },
  {
    name: 'an import of another module',
    bytes: fromWat('(import "wasi_snapshot_preview1" "fd_write" (func))', RUNTIME, NULL),
    says: [/wasi_snapshot_preview1\.fd_write/],
  },
  {
    name: 'an import of another type',
    bytes: fromWat(IMPORT('abort'), RUNTIME, NULL),
    says: [/env\.abort as \(i32\) -> nothing, it is \(i32, i32, i32, i32\)/],
  },
  {
    name: 'a function imported as a global',
    bytes: fromWat('(import "env" "seed" (global f64))', RUNTIME, NULL),
    says: [/env\.seed as global/],
  },
  {
    name: 'an imported table',
    bytes: fromWat('(import "env" "table" (table 1 funcref))', RUNTIME, NULL),
    says: [/without --importTable/],
  },
  {
    name: 'an imported memory',
    bytes: fromWat('(import "env" "memory" (memory 1))', NULL),
    says: [/without --importMemory/, /lacks the export __new/],
  },
  { name: 'a shared memory', bytes: withMemory('1 2 shared'), says: [/shared: compile it without threads/] },
  { name: 'a memory of 64 bits', bytes: withMemory('i64 1'), says: [/memory64/] },
  {
    name: 'two memories',
    bytes: fromWat(RUNTIME, NULL, '(memory 1)'),
    says: [/2 memories: one is supported/],
  },
  {
    name: 'more memory than allowed',
    bytes: withMemory('2000'),
    says: [/starts with 125 MiB of memory, its cap is 64 MiB: raise `memory`/],
  },
  {
    name: 'a huge table',
    bytes: fromWat(RUNTIME, NULL, '(table 9000000 9000000 funcref)'),
    says: [/9000000 entries/],
  },
  {
    name: 'an export the loader can not take',
    bytes: fromWat(RUNTIME, NULL, '(func (export "constructor#valueOf"))'),
    says: [/constructor#valueOf.*rename/],
  },
  ...['toString', '__proto__', 'constructor', 'hasOwnProperty'].map((name) => ({
    name: `the import env.${name}`,
    bytes: fromWat(IMPORT(name), RUNTIME, NULL),
    says: [new RegExp(`imports env\\.${name}, which is not offered`)],
  })),
  {
    name: 'the import constructor.name',
    bytes: fromWat('(import "constructor" "name" (func))', RUNTIME, NULL),
    says: [/constructor\.name/],
  },
  {
    name: 'a name with control characters',
    bytes: fromWat(IMPORT('\\0a\\1b[2J'), RUNTIME, NULL),
    says: [/env\.\ufffd\ufffd\[2J/],
  },
  {
    name: 'a table type of references',
    bytes: Uint8Array.of(...good.slice(0, 8), 1, 3, 1, 0x5f, 0),
    says: [/garbage-collected/],
  },
]

function withMemory(memory: string): Uint8Array {
  return fromWat(
    RUNTIME.replace('(memory (export "memory") 1)', `(memory (export "memory") ${memory})`).replaceAll(
      /\(data.*\n/g,
      '',
    ),
    NULL,
  )
}

t.test('refuses what can not be run, and says why and how to mend it', (t) => {
  for (const { name, bytes, says } of refused) {
    const { code, message } = refusal(bytes)
    t.equal(code, 'MODULE_INVALID', name)
    for (const part of says) t.match(message, part, name)
  }
  t.end()
})

t.test('tells all faults at once, and not more than fit', (t) => {
  const { message } = refusal(fromWat(IMPORT('a'), IMPORT('b'), '(memory (export "memory") 5000)', NULL))
  for (const part of [/__new/, /env\.a,/, /env\.b,/, /raise `memory`/]) t.match(message, part)
  const many = Array.from({ length: 5000 }, (_, index) => IMPORT(`a${index}`))
  t.ok(refusal(fromWat(...many, RUNTIME, NULL)).message.length < 4000)
  t.end()
})

t.test('capMemory', (t) => {
  const cases = [
    { name: 'adds a maximum', memory: '1', bytes: 4 * MiB, max: 64 },
    { name: 'lowers one', memory: '1 1000', bytes: 4 * MiB, max: 64 },
    { name: 'leaves a lower one', memory: '1 3', bytes: 4 * MiB, max: 3 },
    { name: 'allows all that is started with', memory: '64', bytes: 4 * MiB, max: 64 },
    { name: 'goes up to 4 GiB', memory: '1', bytes: 4096 * MiB, max: 65536 },
  ]
  for (const { name, memory, bytes, max } of cases) {
    const capped = capMemory(withMemory(memory), bytes)
    t.match(readWasm(capped).memories, [{ max }], name)
    t.ok(WebAssembly.validate(capped), name)
  }
  t.throws(() => capMemory(withMemory('65'), 4 * MiB), { code: 'MODULE_INVALID', message: /raise `memory`/ })
  t.same(capMemory(fromWat(), MiB), fromWat(), 'a module without memory stays as it is')
  t.end()
})

t.test('tables without a maximum get one', (t) => {
  const cases = [
    { name: 'one', wat: '(table 7 funcref)', max: [1_000_000] },
    {
      name: 'one beside one that has its own',
      wat: '(table 7 externref)(table 5 1000 funcref)',
      max: [999_000, 1000],
    },
    { name: 'two share', wat: '(table 4 funcref)(table 2 externref)', max: [500_001, 499_999] },
    { name: 'one that has its own', wat: '(table 1 2 funcref)', max: [2] },
  ]
  for (const { name, wat, max } of cases) {
    const grow =
      '(func (export "grow") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0)))'
    const isGrown = wat.startsWith('(table 7 funcref')
    const capped = capMemory(fromWat(wat, '(memory 1)', isGrown ? grow : ''), MiB)
    t.match(
      readWasm(capped).tables.map((table) => table.max),
      max,
      name,
    )
    t.ok(WebAssembly.validate(capped), name)
    if (!isGrown) continue
    const exports = new WebAssembly.Instance(new WebAssembly.Module(capped)).exports as {
      grow: (by: number) => number
    }
    t.strictSame([exports.grow(999_994), exports.grow(999_993), exports.grow(1)], [-1, 7, -1])
  }
  t.end()
})

t.test('reads any bytes to an answer or to MODULE_INVALID with an offset', async (t) => {
  const real = await fromAssemblyScript(
    'export function handle(event: string): string | null { return event }',
  )
  const everything = fromWat(
    '(import "a" "g" (global (mut i32)))(import "a" "t" (table 1 2 funcref))(import "a" "x" (tag (param i32)))',
    '(import "a" "m" (memory 1 2))(import "a" "f" (func (param i32 i64 f32 f64) (result i32)))',
    '(func $s)(start $s)(export "s" (func $s))(tag (export "y") (param i64))(table (export "u") 1 externref)',
  )
  t.match(readWasm(everything), {
    hasStart: true,
    imports: [
      { kind: 'global' },
      { kind: 'table' },
      { kind: 'tag' },
      { kind: 'memory' },
      { type: '(i32, i64, f32, f64) -> i32' },
    ],
    exports: [
      { name: 's', type: '() -> nothing' },
      { name: 'y', kind: 'tag' },
      { name: 'u', kind: 'table' },
    ],
  })
  const survives = (bytes: Uint8Array) => {
    try {
      readWasm(bytes)
      capMemory(bytes, MiB)
    } catch (thrown) {
      if (!(thrown instanceof JobicoError) || thrown.code !== 'MODULE_INVALID') throw thrown
    }
  }
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.option(fc.nat(), { freq: 9 }) })
  const base = fc.constantFrom(real, everything, good)
  fc.assert(
    fc.property(base, fc.array(change, { minLength: 1, maxLength: 8 }), (bytes, changes) => {
      let mutated = bytes.slice()
      for (const { at, byte, cut } of changes) {
        mutated[8 + (at % (bytes.length - 8))] = byte
        if (cut !== null) mutated = mutated.slice(0, 8 + (cut % bytes.length))
      }
      survives(mutated)
    }),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (tail) =>
      survives(Uint8Array.of(...good.slice(0, 8), ...tail)),
    ),
  )
  for (let end = 0; end < real.length; end += 1) survives(real.subarray(0, end))
  t.throws(() => readWasm(good.subarray(0, 30)), { code: 'MODULE_INVALID', members: { offset: Number } })
})
