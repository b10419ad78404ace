import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import '../testing/as-started.fixture.ts'
import { bundleImage, IMAGE_ENTRIES } from './image.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const compiling = /^RUN (\[.*compile\.js"\])$/m.exec(readFileSync(join(ROOT, 'Containerfile'), 'utf8'))
/** The flags of Node under which the code is compiled for the image. */
const flags = (JSON.parse(compiling?.[1] ?? '[]') as string[]).slice(1, -1)

/** What is asked about the bytes `{}`. */
const CHECKS = [
  [{ kind: 'schema' }, '{"emits":false}\n'],
  [{ kind: 'module', name: 'a.wasm', memoryBytes: 65_536 }, /a\.wasm is no WebAssembly/],
] as const

t.test('the processes of the image start, before and after their code is compiled', async (t) => {
  const folder = t.testdir()
  await bundleImage(ROOT, folder)
  const run = (...args: string[]) => spawnSync(process.execPath, args, { env: {}, encoding: 'utf8' })
  const start = (name: string) => run(join(folder, `${name}.js`))
  const compile = () => {
    t.match(run(...flags, join(folder, 'compile.js')), { status: 0, stderr: '' })
    return Object.keys(IMAGE_ENTRIES).map((name) => readFileSync(join(folder, `${name}.code.js.cache`)))
  }

  for (const name of ['operator', 'listener', 'runner'])
    t.match(start(name), { status: 1, stdout: /"component":"(\w+)".*CONFIG_INVALID/, stderr: '' }, name)
  const [first, second] = [compile(), compile()]
  t.ok(
    first.every((code, index) => code.equals(second[index] ?? Buffer.of())),
    'the same code each time',
  )
  for (const name of ['operator', 'listener', 'runner'])
    t.match(start(name), { status: 1, stdout: /CONFIG_INVALID/, stderr: '' }, `${name}, compiled`)
  for (const [request, answer] of CHECKS) {
    const bytes = `${JSON.stringify({ ...request, bytes: 2 })}\n{}`
    const permitted = ['--permission', `--allow-fs-read=${folder}/`, join(folder, 'check-main.js')]
    const checked = spawnSync(process.execPath, permitted, { env: {}, encoding: 'utf8', input: bytes })
    t.match(checked, { status: 0, stdout: answer, stderr: '' }, request.kind)
  }
  for (const name of ['worker', 'check-worker']) t.match(start(name).stderr, /entry of a worker thread/, name)
})

t.test('whatever a pod is told to run is in the image', (t) => {
  const told = globSync('{knative,operator}/**/*.{ts,yaml}', { cwd: ROOT })
    .flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\/app\/([\w-]+)\.js/g)])
    .map(([, name]) => name)
  t.same([...new Set(told)].sort(), ['adopt', 'listener', 'operator', 'runner', 'storage'])
  t.end()
})
