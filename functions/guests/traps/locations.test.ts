import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { compileAssemblyScript } from '../../../scripts/assemblyscript.ts'
import { abiNamed } from '../abi-registry.ts'
import { checkModule } from '../check/check.ts'
import { sized, withCustomSection } from './custom-section.ts'
import { FRAMES_KEPT } from './frames.ts'
import { writeMappings } from './mappings.ts'
import { SOURCE_MAP_BYTES, SOURCE_MAP_SECTION } from './source-map.ts'
import { fromWat, handle, RUNTIME } from '../test-modules.ts'

const MiB = 1024 * 1024

const before = Error.stackTraceLimit
Error.stackTraceLimit = FRAMES_KEPT // as in a worker
t.teardown(() => void (Error.stackTraceLimit = before))

/** Gives the reason of the outcome of an event. */
function guest(bytes: Uint8Array, memoryBytes = 4 * MiB): (text: string) => string {
  const checked = checkModule(bytes, { name: 'a.wasm', memoryBytes })
  const host = { env: new Map<string, string>(), events: new Set<string>(), log: () => undefined }
  const run = abiNamed(checked.abi).prepare(new WebAssembly.Module(checked.bytes), host)
  return (text) => {
    const outcome = run({ text })
    return outcome.kind === 'ok' ? 'ok' : outcome.reason
  }
}

async function compiled(t: Test, files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const folder = t.testdir({})
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const out = join(folder, 'a.wasm')
  await compileAssemblyScript({ entry: join(folder, 'assembly/index.ts'), out })
  return readFileSync(out)
}

const SHOP = `import { dig } from './lib/dig'
export class Line { price: i32 = 1; next: Line | null = null }
export function share(n: i32): i32 {
  const parts = [1, 2, 3]
  return parts[n] / (n - 1)
}
function deep(n: i32): i32 {
  return n < 0 ? 0 : deep(n + 1) + dig(1)
}
class Filling { before: Filling | null = null; bytes: StaticArray<u8> = new StaticArray<u8>(100000) }
export function handle(event: string): string | null {
  if (event == 'range') return share(7).toString()
  if (event == 'zero') return share(1).toString()
  if (event == 'null') { const line = new Line(); return line.next!.price.toString() }
  if (event == 'throw') throw new Error('the sky fell')
  if (event == 'assert') assert(event.length == 1, 'one is needed')
  if (event == 'bare assert') assert(event.length == 1)
  if (event == 'unreachable') unreachable()
  if (event == 'load') return load<i32>(-1).toString()
  if (event == 'deep') return deep(0).toString()
  if (event == 'full') { let last: Filling | null = null; while (true) { const next = new Filling(); next.before = last; last = next } }
  if (event == 'large') return 'x'.repeat(100000000)
  if (event == 'too large') return 'x'.repeat(400000000)
  if (event == 'map') return new Map<string, i32>().get('x').toString()
  if (event == 'closure') return [3, 1, 2].sort((a, b) => a / (b - b)).join()
  if (event == 'long') throw new Error('x'.repeat(1000))
  return dig(event.length).toString()
}
`
const DIG = 'export function dig(n: i32): i32 {\n  return n > 1000 ? dig(n - 1) + 1 : 100 / n\n}\n'
const NO_ROOM = 'of memory in use and no room for'

const reasons: Readonly<Record<string, string | RegExp>> = {
  range:
    'abort: Index out of range at ~lib/array.ts:114:42 in share (near assembly/index.ts:5), called by handle (assembly/index.ts:12:32)',
  zero: 'the module trapped: divide by zero in share (assembly/index.ts:5:10), called by handle (assembly/index.ts:13:31)',
  null: "abort: Unexpected 'null' (not assigned or failed cast) at assembly/index.ts:14:58 in handle",
  throw: 'abort: the sky fell at assembly/index.ts:15:25 in handle',
  assert: 'abort: one is needed at assembly/index.ts:16:26 in handle',
  'bare assert': 'abort at assembly/index.ts:17:31 in handle',
  unreachable: 'the module trapped: unreachable in handle (assembly/index.ts:18:31)',
  load: 'the module trapped: memory access out of bounds in handle (assembly/index.ts:19:31)',
  deep: 'the module trapped: Maximum call stack size exceeded in deep (assembly/index.ts:8:22), which calls itself',
  full: new RegExp(
    `^the module trapped: unreachable, with [34](\\.\\d)? MiB ${NO_ROOM} as much again: raise \`memory\`; ` +
      'in handle \\(.*assembly/index\\.ts:1[01].*\\) through ~lib/rt/itcms/__new$',
  ),
  large: `the module trapped: unreachable, with 0.1 MiB ${NO_ROOM} what it asked for, more than 3.9 MiB: raise \`memory\`; in handle (assembly/index.ts:22:32) through ~lib/string/String#repeat`,
  'too large':
    'abort: Invalid length at ~lib/string.ts:334:7 in handle (assembly/index.ts:23:36) through ~lib/string/String#repeat',
  map: 'abort: Key does not exist at ~lib/map.ts:105:17 in handle (near assembly/index.ts:24)',
  closure:
    'the module trapped: divide by zero in handle~anonymous|0 (assembly/index.ts:25:59), called by handle (near assembly/index.ts:25)',
  long: /^abort: x{255}… at assembly\/index\.ts:26:24 in handle$/,
  '': 'the module trapped: divide by zero in dig (assembly/lib/dig.ts:2:38), called by handle (assembly/index.ts:27:10)',
}

t.test('what a trap says of AssemblyScript', async (t) => {
  const reason = guest(await compiled(t, { 'assembly/index.ts': SHOP, 'assembly/lib/dig.ts': DIG }))
  for (const [event, want] of Object.entries(reasons)) {
    const got = reason(event)
    if (typeof want === 'string') t.equal(got, want, event)
    else t.match(got, want, event)
  }
})

const OWN = 4 // functions of RUNTIME come before a module's own
const STACK = 'a)\n    at b (wasm://wasm/1:wasm-function[0]:0x1)'
const PANIC = '_ZN4core9panicking9panic_fmt17h0123456789abcdefE'
const NO_ALLOC = '_RNvNtCsduwmD7cSIQq_5alloc5alloc18handle_alloc_error'

/** A module of functions that call each other in turn, the last of which traps; they have these names. */
function chain(names: readonly string[], last = 'unreachable', memory = '1'): Uint8Array<ArrayBuffer> {
  const bodies = names.map((_, index) => (index + 1 < names.length ? `(call ${OWN + index + 1})` : last))
  const bytes = fromWat(
    RUNTIME.replace('"memory") 1', `"memory") ${memory}`),
    ...bodies.map((body) => `(func ${body})`),
    handle(`(call ${OWN}) i32.const 0`),
  )
  const entries = names.flatMap((name, index) => [OWN + index, ...sized(Buffer.from(name))])
  const functionNames = sized(Uint8Array.from([names.length, ...entries]))
  return withCustomSection(bytes, 'name', Uint8Array.from([1, ...functionNames]))
}

const AT = '0x([0-9a-f]+)'
const HANDLE = `called by function \\d+ at 0x`
const plain = [
  {
    name: 'C',
    names: ['outer', 'inner'],
    want: `: unreachable in inner at ${AT}, called by outer at 0x[0-9a-f]+, ${HANDLE}`,
  },
  {
    name: 'TinyGo',
    names: ['(*github.com/me/shop.Cart).Total', 'runtime.nilPanic'],
    library: true,
    want: `in \\(\\*shop\\.Cart\\)\\.Total at ${AT} through runtime\\.nilPanic, ${HANDLE}`,
  },
  {
    name: 'Rust',
    names: ['_RNvMCs4fqI2P2rA04_4shopNtB2_4Cart5total', PANIC, 'rust_panic'],
    library: true,
    want: `in <shop::Cart>::total at ${AT} through core::panicking::panic_fmt, ${HANDLE}`,
  },
  {
    name: 'a name like a stack',
    names: [STACK],
    want: `in a\\)\ufffd    at b \\(wasm://1:wasm-function\\[0\\]:0x1\\) at ${AT}, ${HANDLE}`,
  },
  {
    name: 'a name without end',
    names: ['ä'.repeat(500)],
    want: `unreachable in ä{79}… at ${AT}, ${HANDLE}`,
  },
  { name: 'an empty name', names: [''], want: `unreachable in function ${OWN} at ${AT}, ${HANDLE}` },
  {
    name: 'many calls',
    names: ['a', 'b', 'c', 'd'],
    want: `unreachable in d at ${AT}, called by c at 0x[0-9a-f]+, called by b at 0x[0-9a-f]+$`,
  },
  {
    name: 'two that call each other',
    names: ['even', 'odd'],
    last: `(call ${OWN})`,
    library: true,
    want: `: Maximum call stack size exceeded in (even|odd) at ${AT}, called by (even|odd) at 0x[0-9a-f]+, called by (even|odd) at`,
  },
  {
    name: 'no memory',
    names: ['price', NO_ALLOC],
    library: true,
    want: `: unreachable, with 0\\.1 MiB ${NO_ROOM} what it asked for, more than 0\\.1 MiB: raise \`memory\`; in price at ${AT} through alloc::alloc::handle_alloc_error`,
  },
]

t.test('without a source map there are offsets in the file, whatever the cap has moved', (t) => {
  for (const { name, names, last, want, library = false } of plain) {
    for (const memory of ['1', '1 3', '1 60000']) {
      const bytes = chain(names, last, memory)
      const reason = guest(bytes, 0.125 * MiB)('x')
      const found = new RegExp(want).exec(reason)
      t.ok(found, `${name}: ${reason}`)
      if (!library) t.equal(bytes[Number.parseInt(found?.[1] ?? '', 16)], 0x00, 'there is unreachable')
    }
  }
  t.end()
})

const trapping = chain(['price'])
const [, priceAt = '0'] = /price at (0x[0-9a-f]+)/.exec(guest(trapping)('x')) ?? []
const offset = Number(priceAt)
const url = (json: string, start = 'data:application/json;base64,') =>
  start + (start.includes('base64') ? Buffer.from(json).toString('base64') : encodeURIComponent(json))
const mapOf = (members: object) =>
  JSON.stringify({ version: 3, sources: ['a.c'], names: [], mappings: '', ...members })
const mapped = (segments: number[][], members: object = {}) =>
  url(mapOf({ mappings: writeMappings(segments), ...members }))
const LINE_5 = [offset, 0, 4, 2]

const maps = [
  { name: 'exact', url: mapped([[10], LINE_5]), want: 'price (a.c:5:3)' },
  {
    name: 'percent-encoded',
    url: url(mapOf({ mappings: writeMappings([LINE_5]) }), 'data:application/json,'),
    want: 'price (a.c:5:3)',
  },
  {
    name: 'with a charset',
    url: url(mapOf({ mappings: writeMappings([LINE_5]) }), 'data:application/json;charset=utf-8;base64,'),
    want: 'price (a.c:5:3)',
  },
  {
    name: 'more lines',
    url: url(mapOf({ mappings: `${writeMappings([LINE_5])};AAAA` })),
    want: 'price (a.c:5:3)',
  },
  {
    name: 'what comes later does not matter',
    url: url(mapOf({ mappings: `${writeMappings([LINE_5, [100_000]])},!!!` })),
    want: 'price (a.c:5:3)',
  },
  { name: 'of another function', url: mapped([[offset - 3, 0, 4, 2], [offset]]), want: /price, called/ },
  {
    name: 'library inside it',
    url: mapped(
      [
        [offset - 1, 0, 4, 2],
        [offset, 1, 9, 9],
      ],
      { sources: ['a.c', '~lib/b.ts'] },
    ),
    want: 'price (near a.c:5)',
  },
  {
    name: 'library only',
    url: mapped([[offset, 0, 4, 2]], { sources: ['~lib/b.ts'] }),
    want: 'price (~lib/b.ts:5:3)',
  },
  {
    name: 'a name of control characters',
    url: mapped([LINE_5], { sources: ['a\n\u001b[31m.c'] }),
    want: 'price (a\ufffd\ufffd[31m.c:5:3)',
  },
  {
    name: 'a long name',
    url: mapped([LINE_5], { sources: ['x'.repeat(5000)] }),
    want: `price (${'x'.repeat(79)}…:5:3)`,
  },
  { name: 'sources that are no text', url: mapped([LINE_5], { sources: [null] }), want: 'price (?:5:3)' },
  { name: 'a source that there is not', url: mapped([[offset, 7, 4, 2]]), want: /price, called/ },
  {
    name: 'numbers below 0',
    url: mapped([
      [offset, -5, -4, -2],
      [-9, 0, 0, 0],
    ]),
    want: /price \(a\.c:1:1\)/,
  },
  { name: 'no mappings', url: url(mapOf({})), want: /price, called/ },
  { name: 'no digits', url: url(mapOf({ mappings: 'ä' })), want: /price, called/ },
  { name: 'two fields', url: url(mapOf({ mappings: 'AA' })), want: /price, called/ },
  {
    name: 'a number without end',
    url: url(mapOf({ mappings: 'g'.repeat(500_000) })),
    want: /price, called/,
  },
  {
    name: 'a mapping of many fields',
    url: url(mapOf({ mappings: 'A'.repeat(500_000) })),
    want: /price, called/,
  },
  { name: 'many mappings', url: url(mapOf({ mappings: 'AAAA,'.repeat(150_000) })), want: 'price (a.c:1:1)' },
  { name: 'elsewhere', url: 'https://example.com/a.map', want: priceAt },
  { name: 'a file', url: './a.wasm.map', want: priceAt },
  { name: 'another media type', url: 'data:text/plain,{}', want: priceAt },
  { name: 'half of an escape', url: 'data:application/json,%7', want: priceAt },
  { name: 'too long', url: url(mapOf({ mappings: 'AAAA,'.repeat(SOURCE_MAP_BYTES / 5) })), want: priceAt },
  { name: 'deep', url: url('['.repeat(750_000)), want: priceAt },
  { name: 'many objects', url: url(`[${'{},'.repeat(250_000)}{}]`), want: priceAt },
  { name: 'no JSON', url: url('{'), want: priceAt },
  { name: 'null', url: url('null'), want: priceAt },
  { name: 'another version', url: mapped([LINE_5], { version: 4 }), want: priceAt },
  { name: 'an index of maps', url: url('{"version":3,"sections":[]}'), want: priceAt },
]

t.test('a source map of any kind', (t) => {
  for (const { name, url, want } of maps) {
    const content = sized(Buffer.from(url))
    const reason = guest(withCustomSection(trapping, SOURCE_MAP_SECTION, content))
    const again = new Set([reason('x'), reason('x')])
    t.match([...again], [want], name)
    t.equal(again.size, 1, name)
  }
  const noText = guest(withCustomSection(trapping, SOURCE_MAP_SECTION, Uint8Array.of(200, 1, 2)))
  t.match(noText('x'), priceAt, 'a section that is broken')
  t.end()
})
