import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import t, { type Test } from 'tap'

import { startProgram } from './cli/cli.fixture.ts'
import { descendants, gone } from './dev/processes/processes.fixture.ts'
import { DEPENDENCIES, installPackage } from './testing/package.fixture.ts'

const run = promisify(execFile)
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
  await t.test('a copy of the project runs its npm scripts with the Jobico that it brings', (t) =>
    testCopy(t, project, dirname(installed)),
  )
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

/** Does what `npm install` would, without a registry: package.json names a file of the project. */
async function testCopy(t: Test, project: string, installed: string): Promise<void> {
  const copy = join(t.testdir({}), 'copy')
  cpSync(project, copy, {
    recursive: true,
    filter: (path) => !/\/(?:node_modules|build|\.jobico)$/.test(path),
  })
  const { devDependencies } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as {
    devDependencies: { jobico: string }
  }
  const [, tarball = ''] = /^file:(jobico-[\d.]+\.tgz)$/.exec(devDependencies.jobico) ?? []
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, 'jobico'), { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', join(modules, 'jobico'), '--strip-components', '1'], { cwd: copy })
  for (const name of DEPENDENCIES) symlinkSync(join(installed, name), join(modules, name))
  mkdirSync(join(modules, '.bin'))
  symlinkSync('../jobico/bin/jobico.js', join(modules, '.bin', 'jobico'))
  const { stdout } = await run('npm', ['test'], { cwd: copy, env: { PATH: process.env['PATH'] } })
  t.match(stdout, /1 of 1 examples ended as expected[^]*fail 0/)
}

t.test('the package asks for no newer Node than its engines say', (t) => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { dev?: boolean; engines?: { node?: string } }>>
  }
  const needed = (node = '>=0') => Number(/^>= ?(\d+)/.exec(node)?.[1])
  const installed = Object.entries(packages).filter(([, { dev }]) => dev !== true)
  t.ok(installed.length > DEPENDENCIES.length)
  for (const [name, { engines }] of installed)
    t.ok(needed(engines?.node) <= needed(packages['']?.engines?.node), name)
  t.end()
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
