import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { messageOf } from '../functions/process/errors.ts'
import { compileAssemblyScript } from '../scripts/assemblyscript.ts'
import { codeBlocks, type CodeBlock } from '../scripts/testing/markdown.fixture.ts'
import { loadGuest } from '../wasm-examples/load-guest.ts'

const PAGE = readFileSync(join(import.meta.dirname, 'assemblyscript.md'), 'utf8')
const page = codeBlocks(PAGE)
const IMPORTS = page.find(({ text }) => text.startsWith('import '))?.text ?? ''

const data = (value: string) => ({ kind: 'ok', data: value })
const trap = (reason: RegExp) => ({ kind: 'retry', code: 'MODULE_TRAP', reason })

/** How the example of each section is called, and what comes out. `wrong` is for one that compiles. */
interface Example {
  /** An expression in the section's functions: the text of the result. `event` is the event. */
  readonly call: string
  readonly data?: unknown
  readonly want: object
  readonly wrong?: object
}

const ITEMS = { least: 2, items: [{ quantity: 1 }, { quantity: 2 }] }
const EXAMPLES: Readonly<Record<string, Example>> = {
  Closures: { call: 'encode(large(event.data))', data: ITEMS, want: data('[{"quantity":2}]') },
  'for … of': { call: 'pieces(event.data).toString()', data: ITEMS, want: data('3') },
  'try and catch': { call: 'encode(note("{").toString() + note("1").toString())', want: data('"null1"') },
  throw: {
    call: 'quantity(event.data).toString()',
    data: { quantity: 0 },
    wrong: trap(/quantity is less than 1/),
    want: { kind: 'reject', code: 'REJECTED', reason: 'quantity is less than 1' },
  },
  undefined: { call: 'encode(about(event))', want: data('"about"') },
  '?. and ??': { call: 'length(event).toString()', want: data('5') },
  'Members and parameters that may be missing': {
    call: `encode(noteOf('{"id":"a"}'))`,
    want: data('"none"'),
  },
  'Object literals': {
    call: `encode(greeting('') + greeting('Ada'))`,
    want: data(JSON.stringify('{"greeting":"Hello, !"}{"greeting":"Hello, Ada!"}')),
  },
  'Types of objects': { call: `encode(skuOf('{"sku":"TEA","quantity":1}'))`, want: data('"TEA"') },
  'Destructuring and spread': { call: 'encode(key(event))', want: data('"/test1"') },
  'Union types and any': {
    call: 'encode(show(event.data.get("a")) + show(event.data.get("b")))',
    data: { a: 'x', b: 5 },
    want: data('"x5"'),
  },
  'Unions of strings': { call: `encode(isOpen('open') && !isOpen('closed'))`, want: data('true') },
  Records: { call: `count(['TEA', 'POT', 'TEA']).toString()`, want: data('2') },
  'Text of numbers': { call: 'encode(money(123405))', want: data('"1234.05"') },
  'Numbers of text': { call: `encode(cents('12') + cents('x'))`, want: data('12') },
  'Regular expressions': { call: `encode(isCode('TEA') && !isCode('tEA'))`, want: data('true') },
  Dates: {
    call: `encode(isLate('2026-02-28T01:02:03+02:00') && !isLate('2999-01-01T00:00:00Z'))`,
    want: data('true'),
  },
  JSON: { call: `encode(name('{"name":"Ada"}'))`, want: data('"Ada"') },
  Generics: { call: 'encode(largest<i32>([1, 3, 2]))', want: data('3') },
  Equality: { call: `encode(isFive('5'))`, want: data('true') },
  'What counts as true': { call: `encode(shown(''))`, wrong: data('""'), want: data('"nobody"') },
  Integers: { call: 'encode(total(100000, 100000))', wrong: data('1410065408'), want: data('10000000000') },
  'Arrays with holes': {
    call: 'encode(dashes(2))',
    wrong: trap(/Element type must be nullable if array is holey/),
    want: data('"--"'),
  },
  'Finding in arrays': { call: `encode(firstLong(['a', 'words']))`, want: data('"words"') },
  'async and await': {
    call: 'stock(event.data).toString()',
    data: {},
    want: { kind: 'retry', afterMs: 60_000, reason: 'the stock is not known yet' },
  },
}

const examples = page.filter(({ language, text }) => language === 'ts' && text !== IMPORTS)

/** Other code that does not compile, with messages that the page quotes, and others. */
const SAID: readonly {
  readonly title: string
  readonly source: string
  readonly messages: readonly string[]
  readonly others: readonly string[]
}[] = [
  {
    title: 'what does not compile, beside the examples',
    source: `
      class Shape { note: string | null = null }
      class Circle extends Shape { radius: i32 = 1 }
      function narrowed(event: CloudEvent): string { if (event.subject !== null) return event.subject; return '' }
      function parameter(text: string, other?: string): string { return text }
      function literal(): string { const a = { greeting: 'Hello' }; return a.greeting }
      function spread(a: i32[], b: i32[]): i32 { return [...a, ...b].length }
      function any(value: any): string { return '' }
      function cast(price: i64): i32 { return price }
      function compared(a: i64, b: u64): bool { return a < b }
      function radius(shape: Shape): i32 { return shape instanceof Circle ? shape.radius : 0 }
      function added(total: i64): string { return 'total: ' + total }
      const double = (x: i32): i32 => x * 2
      function doubled(): i32 { return [1].map<i32>(double).length }
      function later(): void { setTimeout(() => {}, 1) }
      function ask(): void { fetch('http://example.org') }
      export function handle(text: string): string | null {
        const event = parseEvent(text)
        narrowed(event); parameter(text); literal(); spread([], []); any(1); cast(1); compared(1, 2); radius(new Circle())
        added(1); later(); ask(); doubled()
        return null
      }`,
    messages: [
      "TS2322: Type '~lib/string/String | null' is not assignable to type '~lib/string/String'",
      'AS215: Optional parameter must have an initializer',
      "Type '<object>' is not assignable to type 'auto'",
      'AS100: Not implemented: Spread operator',
      "TS2304: Cannot find name 'any'",
      "AS200: Conversion from type 'i64' to 'i32' requires an explicit cast",
    ],
    others: [
      "Operator '<' cannot be applied to types 'i64' and 'u64'",
      "Property 'radius' does not exist",
      "Type 'i64' is not assignable to type '~lib/string/String'",
      "Cannot find name 'setTimeout'",
      "Cannot find name 'fetch'",
      "Type '(i32) => i32' is not assignable to type '(i32, i32,",
    ],
  },
  {
    title: 'interfaces as shapes',
    source: `
      interface Item { sku: string }
      export function handle(text: string): string | null { const item: Item = { sku: 'TEA' }; return item.sku }`,
    messages: ['Not implemented: Interface hidden classes'],
    others: [],
  },
]
t.test('each section has an example', (t) => {
  t.same(new Set(examples.map(({ heading }) => heading)), new Set(Object.keys(EXAMPLES)))
  t.end()
})

for (const { title, source, messages, others } of SAID) {
  t.test(title, async (t) => {
    const thrown: unknown = await compileSource(t, source).catch((error: unknown) => error)
    const told = messageOf(thrown)
    for (const message of [...messages, ...others]) t.ok(told.includes(message), message)
    for (const message of messages) t.ok(PAGE.replaceAll(/\s+/g, ' ').includes(message), 'the page has it')
  })
}

for (const [heading, example] of Object.entries(EXAMPLES)) {
  t.test(heading, async (t) => {
    const [wrong, right, ...more] = examples.filter((block) => block.heading === heading)
    t.same(more, [], 'one that is wrong, one that is right')
    if (wrong === undefined || right === undefined) throw new Error('an example is missing')
    if (wrong.text.startsWith('// Does not compile\n')) {
      const message = page[page.indexOf(wrong) + 1]
      await t.rejects(compiled(t, wrong, example), { message: includes(message?.text.trim()) })
    } else {
      t.match(wrong.text, /^\/\/ Compiles, but /)
      t.match(await run(t, wrong, example), example.wrong, 'what is wrong')
    }
    t.match(await run(t, right, example), example.want, 'what is right')
  })
}

t.test('what the text says of numbers, text and what works', async (t) => {
  const source = `
    interface Priced { price(): i64 }
    class Item implements Priced { constructor(readonly cents: i64 = 5) {} price(): i64 { return this.cents } }
    const double = (x: i32): i32 => x * 2
    export function handle(text: string): string | null {
      const event = parseEvent(text)
      const large: i32 = 3000000000
      const seven: i32 = 7
      const whole: f64 = 5
      const priced: Priced = new Item()
      const skus = new Set<string>()
      skus.add('a')
      console.log('logged')
      switch (event.id) { case '1': break; default: return null }
      return Json.array().push(seven / 2).push(<f64>seven / 2).push(large).push(\`\${whole}\`).push(whole)
        .push(priced.price()).push(skus.has('a')).push([1, 2].map<i32>((x) => x * 2)).push(double(3)).push([3, 1].sort())
        .push(I32.parseInt('x')).push(parseFloat('x')).push([1].concat([2])).push('a' === 'a').push(Math.random() < 1)
        .push(new Date(Date.UTC(2026, 0, 31)).toISOString()).push(Date.fromString('nonsense').getTime() != 0).toString()
    }`
  const out = await compileSource(t, source)
  const { execute, logged } = loadGuest(out)
  const want = [3, 3.5, -1294967296, '5.0', 5, 5, true, [2, 4], 6, [1, 3], 0, null, [1, 2], true, true]
  t.same(execute(event({})), data(JSON.stringify([...want, '2026-01-31T00:00:00.000Z', true])))
  t.same(logged, ['info: logged'])
})

function includes(text = 'a message'): RegExp {
  return new RegExp(text.replaceAll(/[^\w ]/g, '\\$&'))
}

async function compileSource(t: Test, source: string): Promise<string> {
  const entry = join(t.testdir({ 'index.ts': `${IMPORTS}\n${source}` }), 'index.ts')
  const out = `${entry}.wasm`
  const { diagnostics } = await compileAssemblyScript({ entry, out, optimize: false })
  t.equal(diagnostics, '')
  return out
}

async function compiled(t: Test, { text }: CodeBlock, { call }: Example): Promise<string> {
  const body = `const event = parseEvent(text)\n  return ${call}`
  return await compileSource(
    t,
    `${text}\nexport function handle(text: string): string | null {\n  ${body}\n}\n`,
  )
}

async function run(t: Test, block: CodeBlock, example: Example): Promise<unknown> {
  return loadGuest(await compiled(t, block, example)).execute(event(example.data ?? {}))
}

function event(data: unknown): string {
  return JSON.stringify({
    specversion: '1.0',
    id: '1',
    source: '/test',
    type: 'test',
    subject: 'about',
    data,
  })
}
