import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { messageOf } from '../functions/process/errors.ts'
import { compileAssemblyScript } from './assemblyscript.ts'
import { compilerHints } from './compiler-hints.ts'

/** What a newcomer from TypeScript writes, and what the real compiler's fault is followed by. */
const mistakes: readonly { readonly body?: string; readonly above?: string; readonly hint: RegExp }[] = [
  {
    body: 'const n = text.length; const f = (x: i32): i32 => x + n',
    hint: /variables of the function around it/,
  },
  {
    body: 'const a = [1].map<i32>((x: i32): i32 => x * text.length)',
    hint: /write a for loop instead of map/,
  },
  {
    body: 'function inner(): i32 { return text.length }\ninner()',
    hint: /variables of the function around it/,
  },
  { body: 'for (const x of [1]) log.info(x.toString())', hint: /there is no for…of/ },
  { body: 'for (const x in [1]) log.info(x)', hint: /there is no for…in/ },
  { body: 'try { log.info("a") } catch (e) { log.info("b") }', hint: /there is no try and catch/ },
  { body: 'const a: string | undefined = undefined', hint: /there is no undefined: use null/ },
  { body: 'let a = undefined', hint: /there is no undefined: use null/ },
  { above: 'type Size = "small" | "large"', hint: /no types of literals/ },
  { body: 'const a: string | i32 = 1', hint: /can only be joined with null/ },
  { body: 'const a: i32 | null = null', hint: /a number or a bool can not be null/ },
  { body: 'const a: any = 1', hint: /there is no any/ },
  { body: 'const a: unknown = 1', hint: /there is no any/ },
  { body: 'const a = JSON.parse(text)', hint: /there is no JSON object/ },
  { body: 'fetch("http://example.com")', hint: /no network, no files/ },
  { body: 'setTimeout(() => {}, 1)', hint: /no timers/ },
  { above: 'async function f(): Promise<void> {}', hint: /there is no async/ },
  { body: 'await f()', hint: /there is no async/ },
  { body: 'const a: string | null = null\nlog.info(a?.length.toString())', hint: /there is no \?\./ },
  { body: 'const a: string | null = null\nlog.info(a ?? "b")', hint: /no \?\?/ },
  { body: 'const [a, b] = [1, 2]', hint: /there is no destructuring/ },
  { body: 'const { a } = parseEvent(text)', hint: /there is no destructuring/ },
  { above: 'function* f(): i32 { yield 1 }', hint: /there are no generators/ },
  { above: 'type T = { a: string }', hint: /no types of object literals/ },
  { body: 'const a: [string, i32] = ["a", 1]', hint: /there are no tuples/ },
  { above: 'function f(a) { return "b" }', hint: /every parameter and every result/ },
  { body: 'const a = { b: 1 }', hint: /an object literal needs a class/ },
  {
    above: 'interface I { a: string }',
    body: 'const a: I = { a: "b" }',
    hint: /an object literal needs a class/,
  },
  { body: 'const a = /b+/', hint: /no regular expressions/ },
  { body: 'const a = [1]; const b = [...a, 2]', hint: /there is no spread/ },
  { body: 'const a: string | null = text == "" ? null : text\nlog.info(a)', hint: /the value may be null/ },
  { body: 'log.info("a" + 1)', hint: /value\.toString\(\)/ },
  { body: 'const a: i64 = 5; const b: i32 = a', hint: /write the cast/ },
  { above: 'import { readFileSync } from "fs"', body: 'readFileSync("a")', hint: /packages of npm/ },
]

const folder = t.testdir({})
const [entry, out] = [join(folder, 'index.ts'), join(folder, 'x.wasm')]

async function faultOf({ above = '', body = '' }: { readonly above?: string; readonly body?: string }) {
  const source = `import { log, parseEvent } from "jobico"\n${above}\nexport function handle(text: string): string | null {\nparseEvent(text); log.info("")\n${body}\nreturn null }\n`
  writeFileSync(entry, source)
  return await compileAssemblyScript({ entry, out, optimize: false }).then(() => 'it compiles', messageOf)
}

t.test('what a newcomer writes', async (t) => {
  for (const { hint, ...source } of mistakes) {
    const message = await faultOf(source)
    const hints = message.split('\n').filter((line) => line.startsWith('hint: '))
    t.match(hints[0], hint, `${source.above ?? ''} ${source.body ?? ''}`)
    t.match(hints.at(-1), /docs\/assemblyscript\.md/)
    t.equal(hints.length, 2, 'one hint, and the page')
  }
})

t.test('other faults get no hint, and each hint comes once', async (t) => {
  t.notMatch(await faultOf({ body: 'parseEvent(1, 2, 3)' }), /hint:/)
  const twice = await faultOf({
    body: 'const n = text.length\nconst f = (): i32 => n\nconst g = (): i32 => n',
  })
  t.equal(twice.split('hint: a function').length, 2)
  t.same(compilerHints(''), [])
})
