import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import t from 'tap'

import { startProgram } from './cli/cli.fixture.ts'
import { descendants, gone } from './dev/processes/processes.fixture.ts'
import { installPackage } from './testing/package.fixture.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

t.test('the packed package makes, runs and tries a project, far from its sources', async (t) => {
  const folder = t.testdir({ work: {} })
  const installed = await installPackage(folder)

  t.same(readdirSync(installed).sort(), [
    'LICENSE',
    'README.md',
    'bin',
    'crds',
    'dist',
    'package.json',
    'wasm-examples',
  ])
  const program = join(installed, 'bin', 'jobico.js')
  const jobico = (args: readonly string[], cwd: string) => startProgram([program, ...args], cwd)

  const made = await jobico(['init', 'hello'], join(folder, 'work')).finished
  t.match(made, { code: 0, stderr: '', stdout: /jobico dev/ })
  const project = join(folder, 'work', 'hello')
  const dev = jobico(['dev', '--port', '0'], project)
  t.teardown(async () => {
    const children = await descendants(dev.pid)
    dev.signal('SIGKILL')
    await Promise.all([dev.finished, ...children.map(gone)])
  })
  await dev.waitFor(/curl .* -d '\{"data":\[\{"name":"Ada"\}\]\}' http:\S+\/listener\/hello\n/)
  const sent = await jobico(['send', 'hello', '--file', 'event.json', '--wait'], project).finished
  t.match(sent, { code: 0, stdout: /"data":\{"greeting":"Hello, Ada!"\}\}\n$/ })
  await dev.waitFor(/hello +log +\w{26} \| Greeting Ada\n[^]*hello +done/)
  const children = await descendants(dev.pid)
  dev.signal('SIGINT')
  t.match(await dev.finished, { code: 0, stderr: '' })
  await Promise.all(children.map(gone))
})

t.test('in a clone the program runs the sources', async (t) => {
  const program = join(ROOT, 'bin', 'jobico.js')
  t.match(await startProgram([program, '--version'], t.testdir({})).finished, {
    code: 0,
    stdout: /^\d+\.\d+\.\d+\n$/,
  })
  t.match(await startProgram([program, 'dev', 'none.yaml'], t.testdirName).finished, {
    code: 1,
    stderr: /no such file/,
  })
})
