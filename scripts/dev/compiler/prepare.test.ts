import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import t from 'tap'

import { createCompiler } from './compiler.ts'
import { createCompile, removeStaleModules, type NamedModule } from './prepare.ts'

const SOURCE = `import { answer } from "../shared/answer"
export function handle(text: string): string | null { return answer() }
`
const ANSWER = `export function answer(): string { return "1" }
`

const compiler = createCompiler({ optimize: false })
t.teardown(() => compiler.close())

/** The records of the test. */
const records = mkdtempSync(join(tmpdir(), 'jobico-records-'))
t.teardown(() => rmSync(records, { recursive: true }))

function project(files: Readonly<Record<string, string>>) {
  const folder = t.testdir({})
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(files)) put(path, text)
  return { folder, put }
}

/** The only record of a project. */
function recordOf(folder: string): string {
  const of = join(records, createHash('sha256').update(join(folder, 'build')).digest('hex'))
  return join(of, 'a.wasm.json')
}

function moduleOf(folder: string, wasm: string, job = 'job.yaml'): NamedModule {
  const [entry, out] = [join(folder, 'assembly/index.ts'), join(folder, 'build', wasm)]
  return { file: join(folder, job), module: { kind: 'source', entry, out } }
}

t.test('a module is compiled only when what the compiler read has changed', async (t) => {
  const { folder, put } = project({
    ...{ 'job.yaml': '', 'assembly/index.ts': SOURCE, 'shared/answer/index.ts': ANSWER },
  })
  const out = join(folder, 'build/a.wasm')
  let tool = compiler.tool
  const cases = [
    { name: 'at first', change: () => undefined, compiles: 1 },
    { name: 'nothing', change: () => undefined, compiles: 0 },
    { name: 'a source that is not imported', change: () => put('assembly/other.ts', '?'), compiles: 0 },
    { name: 'the entry', change: () => put('assembly/index.ts', `${SOURCE}\n`), compiles: 1 },
    {
      name: 'an import of another folder',
      change: () => put('shared/answer/index.ts', `${ANSWER}\n`),
      compiles: 1,
    },
    { name: 'a file that comes before it', change: () => put('shared/answer.ts', ANSWER), compiles: 1 },
    { name: 'that file again', change: () => rmSync(join(folder, 'shared/answer.ts')), compiles: 1 },
    { name: 'the module is gone', change: () => rmSync(out), compiles: 1 },
    { name: 'the module is not ours', change: () => writeFileSync(out, ''), compiles: 1 },
    { name: 'the record is broken', change: () => writeFileSync(recordOf(folder), '{'), compiles: 1 },
    { name: 'another compiler', change: () => (tool = 'another'), compiles: 1 },
    { name: 'nothing after all that', change: () => undefined, compiles: 0 },
  ]
  for (const { name, change, compiles } of cases) {
    change()
    const compiled: string[] = []
    const read: string[] = []
    const counted = {
      tool,
      compile(module: Parameters<typeof compiler.compile>[0]) {
        compiled.push(module.out)
        return compiler.compile(module)
      },
    }
    const compile = createCompile(counted, { records, warn: t.fail, onRead: (paths) => read.push(...paths) })
    await compile([moduleOf(folder, 'a.wasm'), moduleOf(folder, 'a.wasm')])
    t.same(compiled, Array(compiles).fill(out), name)
    for (const path of ['assembly/index.ts', 'shared/answer.ts', 'shared/answer/index.ts'])
      t.ok(
        read.includes(join(folder, path)) || existsSync(join(folder, 'shared/answer.ts')),
        `${name}: ${path}`,
      )
  }
})

t.test('warnings of a module that is kept are told again, once by each process', async (t) => {
  const { folder } = project({
    'assembly/index.ts': `export class Unused {}\n${ANSWER.replace('answer(', 'handle(text: string')}`,
  })
  for (let run = 0; run < 2; run++) {
    const warnings: string[] = []
    const compile = createCompile(compiler, { records, warn: (text) => warnings.push(text) })
    await compile([moduleOf(folder, 'a.wasm')])
    await compile([moduleOf(folder, 'a.wasm')])
    t.match(warnings, [/AS235/])
    t.equal(warnings.length, 1)
  }
})

t.test('what a module that does not compile depends on is told too', async (t) => {
  const { folder } = project({ 'assembly/index.ts': SOURCE })
  const read: string[] = []
  const compile = createCompile(compiler, { records, warn: t.fail, onRead: (paths) => read.push(...paths) })
  await t.rejects(compile([moduleOf(folder, 'a.wasm')]), { code: 'MODULE_INVALID', message: /answer/ })
  t.ok(read.includes(join(folder, 'shared/answer.ts')), 'also the file that is not there')
  t.notOk(existsSync(join(folder, 'build/a.wasm')))
})

t.test('modules that a Job no longer names are removed, but nothing else', async (t) => {
  const source = ANSWER.replace('answer(', 'handle(text: string')
  const { folder, put } = project({
    ...{ 'job.yaml': '', 'other.yaml': '', 'gone.yaml': '', 'assembly/index.ts': source },
    'build/theirs.wasm': 'not ours',
  })
  const compile = createCompile(compiler, { records, warn: t.fail })
  const names = ['kept', 'stale', 'changed', 'dev/stale'].map((name) => moduleOf(folder, `${name}.wasm`))
  await compile([
    ...names,
    moduleOf(folder, 'of-other.wasm', 'other.yaml'),
    moduleOf(folder, 'of-gone.wasm', 'gone.yaml'),
  ])
  put('build/changed.wasm', 'by somebody else')
  rmSync(join(folder, 'gone.yaml'))
  await removeStaleModules([moduleOf(folder, 'kept.wasm')], records)
  const found = (path: string) => readdirSync(join(folder, path)).filter((name) => name.endsWith('.wasm'))
  t.same(found('build').sort(), ['changed.wasm', 'kept.wasm', 'of-other.wasm', 'theirs.wasm'])
  t.same(found('build/dev'), [])
  const file = { kind: 'file', path: join(folder, 'build/kept.wasm') } as const
  await removeStaleModules([{ file: join(folder, 'job.yaml'), module: file }], records)
  t.ok(found('build').includes('kept.wasm'), 'a module whose source is gone is still named')
})
