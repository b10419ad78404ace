import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compileAssemblyScript, sdkDir } from './assemblyscript.ts'
import { readMappings } from '../functions/guests/traps/mappings.ts'
import { SOURCE_MAP_SECTION, sourceMapOf } from '../functions/guests/traps/source-map.ts'
import { buildExamples, sampleModules, sampleNames } from './build-examples.ts'

const handle = (body: string) => `export function handle(text: string): string | null {\n  ${body}\n}\n`

t.test('what does not compile is told with its place, and the old file stays', async (t) => {
  const cases = [
    {
      name: 'syntax',
      source: 'export function (',
      message: /TS1003: Identifier expected[^]* in .*\bindex\.ts:1:16/,
    },
    {
      name: 'types',
      source: handle('const x: i32 = "a"\n  return null'),
      message: /TS2322: [^]* in .*index\.ts:2:18/,
    },
    { name: 'two faults', source: handle('missing()\n  gone()\n  return null'), message: /:2:3[^]*:3:3/ },
    {
      name: 'unknown package',
      source: 'import { x } from "nowhere"\n',
      message: /nowhere[^]*index\.ts:1:19/,
    },
    {
      name: 'what the SDK lacks',
      source: `import { nothing } from "jobico"\n${handle('return nothing(text)')}`,
      message: /'nothing'[^]*index\.ts:1:10/,
    },
    {
      name: 'what is no JSON',
      source: `import { Json } from "jobico"\nclass Mine {}\n${handle('return Json.of(new Mine()).toString()')}`,
      message: /JSON is written of booleans, numbers, strings, Json, classes with @json, and arrays of those/,
    },
  ]
  for (const { name, source, message } of cases) {
    const dir = t.testdir({ assembly: { 'index.ts': source }, build: { 'x.wasm': 'old' } })
    const options = { entry: join(dir, 'assembly/index.ts'), out: join(dir, 'build/x.wasm') }
    await t.rejects(compileAssemblyScript(options), { code: 'MODULE_INVALID', message }, name)
    t.equal(readFileSync(options.out, 'utf8'), 'old')
  }
  const dir = t.testdir({})
  const missing = { entry: join(dir, 'assembly/index.ts'), out: join(dir, 'x.wasm') }
  await t.rejects(compileAssemblyScript(missing), { code: 'MODULE_INVALID', message: /index\.ts' not found/ })
  t.notOk(existsSync(missing.out))
})

t.test('a project elsewhere compiles, with its own files and its packages', async (t) => {
  const dir = t.testdir({
    assembly: {
      'index.ts': `import { parseEvent } from "jobico"
        import { twice } from "./twice"
        import { dot } from "punctuation"
        ${handle('return twice(parseEvent(text).id) + dot()')}`,
      'twice.ts': 'export function twice(text: string): string {\n  return text + text\n}\n',
    },
    node_modules: {
      jobico: { 'index.ts': 'not AssemblyScript' },
      punctuation: { 'index.ts': 'export function dot(): string {\n  return "."\n}\n' },
    },
    'asconfig.json': '{"options": {"bindings": "esm", "runtime": "stub"}, "entries": ["missing.ts"]}',
  })
  const out = join(dir, 'new/folder/x.wasm')
  const { diagnostics } = await compileAssemblyScript({ entry: join(dir, 'assembly/index.ts'), out })
  t.equal(diagnostics, '')
  t.ok(WebAssembly.validate(readFileSync(out)))
  t.same(readdirSync(join(dir, 'new/folder')), ['x.wasm'])
  t.same(readdirSync(dir).sort(), ['asconfig.json', 'assembly', 'new', 'node_modules'])
})

t.test('a sample compiles where the package is installed', async (t) => {
  const source = `import { echo } from "./echo"\nimport { log } from "jobico"\n${handle('log.info(text); return echo(text)')}`
  const echo = 'export function echo(text: string): string {\n  return text\n}\n'
  const dir = t.testdir({
    node_modules: {
      jobico: { 'wasm-examples': { echo: { assembly: { 'index.ts': source, 'echo.ts': echo } } } },
    },
  })
  const folder = join(dir, 'node_modules/jobico/wasm-examples/echo')
  const out = join(folder, 'build/echo.wasm')
  await compileAssemblyScript({ entry: join(folder, 'assembly/index.ts'), out })
  t.ok(WebAssembly.validate(readFileSync(out)))
})

t.test('warnings are handed back', async (t) => {
  const dir = t.testdir({ 'index.ts': `export class Unused {}\n${handle('return null')}` })
  const options = { entry: join(dir, 'index.ts'), out: join(dir, 'x.wasm') }
  t.match((await compileAssemblyScript(options)).diagnostics, /WARNING AS235: [^]*index\.ts:1:14/)
})

t.test('a source gives the same bytes from any folder and in any company', async (t) => {
  const dir = t.testdir({ elsewhere: {} })
  const compiled = async (sample: string, name: string) => {
    const out = join(dir, `${name}.wasm`)
    await compileAssemblyScript({ entry: join(sdkDir(), '..', sample, 'assembly/index.ts'), out })
    return readFileSync(out)
  }
  const alone = [await compiled('echo', 'a'), await compiled('order', 'b')]
  const before = process.cwd()
  process.chdir(join(dir, 'elsewhere'))
  t.teardown(() => process.chdir(before))
  const together = await Promise.all([compiled('echo', 'c'), compiled('order', 'd')])
  for (const [index, bytes] of together.entries()) t.ok(alone[index]?.equals(bytes))
})

t.test('a module has the lines of its own sources in itself', async (t) => {
  const line = 'return text.length > 5 ? twice(text) : null'
  const twice = 'export function twice(text: string): string {\n  return text + text\n}\n'
  const source = `import { twice } from './lib/twice'\nimport { log } from 'jobico'\n${handle(`log.info(text); ${line}`)}`
  const dir = t.testdir({ assembly: { 'index.ts': source, lib: { 'twice.ts': twice } } })
  const out = join(dir, 'x.wasm')
  await compileAssemblyScript({ entry: join(dir, 'assembly/index.ts'), out })
  const bytes = readFileSync(out)
  const module = new WebAssembly.Module(new Uint8Array(bytes))
  const map = sourceMapOf(module)
  t.same(map?.sources, ['assembly/index.ts', 'assembly/lib/twice.ts'], 'and of no library')
  t.equal(WebAssembly.Module.customSections(module, SOURCE_MAP_SECTION).length, 1)
  t.ok((map?.mappings.length ?? Infinity) < 300)
  const lines = new Set<string>()
  readMappings(map?.mappings ?? '', (_, number, at) => void lines.add(`${map?.sources[number]}:${at + 1}`))
  for (const want of ['assembly/index.ts:4', 'assembly/lib/twice.ts:2']) t.ok(lines.has(want), want)
  t.notOk(bytes.includes('twice(text) : null'), 'no text of the sources')
})

t.test('another SDK can be given', async (t) => {
  const dir = t.testdir({ 'index.ts': `import { answer } from "jobico"\n${handle('return answer()')}` })
  mkdirSync(join(dir, 'sdk/assembly'), { recursive: true })
  writeFileSync(join(dir, 'sdk/assembly/index.ts'), 'export function answer(): string {\n  return "42"\n}\n')
  const out = join(dir, 'x.wasm')
  await compileAssemblyScript({ entry: join(dir, 'index.ts'), out, sdkDir: join(dir, 'sdk') })
  t.ok(WebAssembly.validate(readFileSync(out)))
})

t.test('samples are built once', async (t) => {
  await buildExamples((line) => t.comment(line))
  const lines: string[] = []
  await buildExamples((line) => lines.push(line))
  t.same(lines, [
    'chain/build/signup.wasm: up to date',
    'chain/build/welcome.wasm: up to date',
    'echo/build/echo.wasm: up to date',
    'order/build/order.wasm: up to date',
  ])
  t.same(await sampleNames(), ['chain', 'echo', 'mask', 'order', 'readings'])
  const sources = (await sampleModules('chain')).map(({ entry }) => entry.split('/').slice(-2).join('/'))
  t.same(sources, ['assembly/signup.ts', 'assembly/welcome.ts'])
})
