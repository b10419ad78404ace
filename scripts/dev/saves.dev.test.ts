import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { type RunningCli } from '../cli/cli.fixture.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { edit, startDevCli } from './dev.fixture.ts'

const JOB = `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: app}
spec:
  events:
  - name: app
    wasm: app.wasm
    schema: {key: any}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"minimum": 0}'}
`

const returning = (value: number) =>
  `export function handle(text: string): string | null {\n  return "${value}"\n}\n`

async function serving(t: Test, folder: string): Promise<RunningCli & { result(): Promise<unknown> }> {
  const dev = startDevCli(t, folder)
  const [, url = ''] = await dev.waitFor(/ (http:\S+\/listener\/app)\n/)
  return {
    ...dev,
    async result() {
      const headers = { 'content-type': 'application/json', prefer: 'wait=30' }
      const answer = await fetch(url, { method: 'POST', headers, body: '{"data":[5]}' })
      return answer.status === 200 ? ((await answer.json()) as { data: unknown }).data : answer.status
    },
  }
}

/** Resolves when the output has had so many lines that match. */
async function times(dev: RunningCli, count: number, what: RegExp): Promise<void> {
  await dev.waitFor(new RegExp(`(?:${what.source}[^]*){${count}}`))
}

t.test('a module, a source and a Job file behind links, and an import from elsewhere', async (t) => {
  const folder = testFolder(t)
  const at = (...path: string[]) => join(folder, ...path)
  for (const name of ['app/assembly', 'away', 'shared']) mkdirSync(at(name), { recursive: true })
  writeFileSync(at('away', 'job.yaml'), JOB)
  symlinkSync('../away/job.yaml', at('app', 'job.yaml'))
  writeFileSync(at('away', 'index.ts'), returning(1))
  symlinkSync('../../away/index.ts', at('app', 'assembly', 'index.ts'))
  const dev = await serving(t, at('app'))
  t.equal(await dev.result(), 1)

  edit(at('away', 'index.ts'), '"1"', '"2"')
  await times(dev, 1, /reloaded runner\/app\n/)
  t.equal(await dev.result(), 2, 'a source behind a link')

  writeFileSync(at('shared', 'value.ts'), 'export const value = "3"\n')
  edit(at('away', 'index.ts'), '"2"', 'value')
  edit(at('away', 'index.ts'), 'export', "import { value } from '../../shared/value'\nexport")
  await times(dev, 2, /reloaded runner\/app\n/)
  edit(at('shared', 'value.ts'), '"3"', '"4"')
  await times(dev, 3, /reloaded runner\/app\n/)
  t.equal(await dev.result(), 4, 'a file that is imported from elsewhere')

  edit(at('away', 'job.yaml'), '"minimum": 0', '"minimum": 10')
  await times(dev, 1, /reloaded listener\/app\n/)
  t.equal(await dev.result(), 422, 'a Job file behind a link')
})

t.test('a module of another compiler behind a link', async (t) => {
  const folder = testFolder(t)
  const at = (...path: string[]) => join(folder, ...path)
  for (const value of [1, 2, 3]) {
    writeFileSync(at('index.ts'), returning(value))
    await compileAssemblyScript({ entry: at('index.ts'), out: at('target', `v${value}.wasm`) })
  }
  mkdirSync(at('app'))
  writeFileSync(at('app', 'job.yaml'), JOB)
  symlinkSync('../target/v1.wasm', at('app', 'app.wasm'))
  const dev = await serving(t, at('app'))
  t.equal(await dev.result(), 1)
  renameSync(at('target', 'v2.wasm'), at('target', 'v1.wasm'))
  await times(dev, 1, /reloaded runner\/app\n/)
  t.equal(await dev.result(), 2, 'what it leads to is replaced')
  symlinkSync('../target/v3.wasm', at('app', 'new'))
  renameSync(at('app', 'new'), at('app', 'app.wasm'))
  await times(dev, 2, /reloaded runner\/app\n/)
  t.equal(await dev.result(), 3, 'it is made to lead elsewhere')
})

t.test('a mistake that is undone is acknowledged', async (t) => {
  const folder = testFolder(t)
  const at = (...path: string[]) => join(folder, ...path)
  mkdirSync(at('assembly'))
  writeFileSync(at('job.yaml'), JOB)
  writeFileSync(at('assembly', 'index.ts'), returning(1))
  const dev = await serving(t, folder)
  const job = (from: string, to: string) => () => edit(at('job.yaml'), from, to)
  const source = (text: string) => () => writeFileSync(at('assembly', 'index.ts'), text)
  const mistakes: readonly [
    name: string,
    make: () => void,
    fault: RegExp,
    undo: () => void,
    right: string,
  ][] = [
    ['YAML', job('spec:', 'spec: ['), /not YAML/, job('spec: [', 'spec:'), 'job.yaml is'],
    ['a field', job('wasm: app', 'wsm: app'), /wsm/, job('wsm: app', 'wasm: app'), 'job.yaml is'],
    ['a schema', job('minimum', 'type'), /JSON Schema is not valid/, job('type', 'minimum'), 'job.yaml is'],
    [
      'no schema',
      job('key: any', 'key: other'),
      /ConfigMap other/,
      job('key: other', 'key: any'),
      'job.yaml is',
    ],
    [
      'no file',
      () => renameSync(at('job.yaml'), at('away')),
      /no such file/,
      () => renameSync(at('away'), at('job.yaml')),
      'job.yaml is',
    ],
    ['a source', source('nothing'), /does not compile/, source(returning(1)), 'the modules are'],
    ['no export', source('const a = 1'), /handle/, source(returning(1)), 'the modules are'],
    [
      'no source',
      () => rmSync(at('assembly', 'index.ts')),
      /app\.wasm was not found/,
      source(returning(1)),
      'job.yaml is',
    ],
  ]
  for (const [name, make, fault, undo, right] of mistakes) {
    const before = dev.output().length
    make()
    const since = new RegExp(`^[^]{${before}}[^]*${fault.source}[^]*the previous version keeps serving`)
    await dev.waitFor(since)
    undo()
    await dev.waitFor(new RegExp(`^[^]{${before}}[^]*${right} right again; nothing changed\n`))
    t.pass(name)
  }
  t.equal(await dev.result(), 1)
  t.notMatch(dev.output(), /reloaded/)
  t.equal(readFileSync(at('job.yaml'), 'utf8'), JOB)
})

t.test('a module that was missing is found where it was looked for', async (t) => {
  const folder = testFolder(t)
  const at = (...path: string[]) => join(folder, ...path)
  mkdirSync(at('assembly'))
  writeFileSync(at('job.yaml'), JOB)
  writeFileSync(at('assembly', 'index.ts'), returning(1))
  await compileAssemblyScript({ entry: at('assembly', 'index.ts'), out: at('made.wasm') })
  rmSync(at('assembly'), { recursive: true })
  renameSync(at('made.wasm'), at('app.wasm'))
  const dev = await serving(t, folder)
  edit(at('job.yaml'), 'app.wasm', 'other.wasm')
  await dev.waitFor(/the module other\.wasm was not found[^]*keeps serving/)
  renameSync(at('app.wasm'), at('other.wasm'))
  await dev.waitFor(/job\.yaml is right again; nothing changed\n/)
  t.equal(await dev.result(), 1)
})
