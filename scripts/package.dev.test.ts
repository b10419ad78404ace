import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import t, { type Test } from 'tap'

import { startProgram, type RunningCli } from './cli/cli.fixture.ts'
import { descendants, gone } from './dev/processes/processes.fixture.ts'
import { DEPENDENCIES, installPackage } from './testing/package.fixture.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))

const folder = t.testdir({ work: {} })
let installed = ''
let modules = ''
const jobico = (args: readonly string[], cwd: string) =>
  startProgram([join(installed, 'bin', 'jobico.js'), ...args], cwd)

t.before(async () => {
  installed = await installPackage(folder)
  modules = dirname(installed)
})

/** Starts `jobico dev` in a project; the test ends it. */
function startDev(t: Test, project: string): RunningCli {
  const dev = jobico(['dev', '--port', '0'], project)
  t.teardown(async () => {
    const children = await descendants(dev.pid)
    dev.signal('SIGKILL')
    await Promise.all([dev.finished, ...children.map(gone)])
  })
  return dev
}

t.test('the packed package makes, runs and tries a project, far from its sources', async (t) => {
  t.same(readdirSync(installed).sort(), [
    'LICENSE',
    'README.md',
    'bin',
    'crds',
    'dist',
    'docs',
    'package.json',
    'wasm-examples',
  ])
  const made = await jobico(['init', 'hello'], join(folder, 'work')).finished
  t.match(made, { code: 0, stderr: '', stdout: /jobico dev/ })
  const project = join(folder, 'work', 'hello')
  await t.test('a copy of the project runs its npm scripts with the Jobico that it brings', (t) =>
    testCopy(t, project, modules),
  )
  const dev = startDev(t, project)
  await dev.waitFor(/curl .* -d '\{"data":\[\{"name":"Ada"\}\]\}' http:\S+\/listener\/hello\n/)
  const sent = await jobico(['send', 'hello', '--file', 'event.json', '--wait'], project).finished
  t.match(sent, { code: 0, stdout: /"data":\{"greeting":"Hello, Ada!"\}\}\n$/ })
  await dev.waitFor(/hello +log +\w{26} \| Greeting Ada\n[^]*hello +done/)
  const children = await descendants(dev.pid)
  dev.signal('SIGINT')
  t.match(await dev.finished, { code: 0, stderr: '' })
  await Promise.all(children.map(gone))

  t.match(await jobico(['test'], project).finished, { code: 0, stderr: '' }, 'the examples')
  const own = await run(process.execPath, ['--test'], { cwd: project })
  t.match(own.stdout, /pass [1-9][^]*fail 0/, 'its tests, with jobico/testing')
})

/** A Job that uses what a Job can have on one machine. */
const shopJob = (sink: string) => `
apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  events:
    - name: order
      wasm: order.wasm
      schema: {key: order}
      env: [{name: GREETING, valueFrom: {secretKeyRef: {name: words, key: greeting}}}]
      output: {event: bill}
    - name: bill
      wasm: bill.wasm
      schema: {key: bill}
      output: {sink: {uri: '${sink}'}}
    - name: count
      wasm: count.wasm
      schema: {key: count}
      retry: {maxAttempts: 1}
    - name: program
      wasm: panics.wasm
      schema: {key: any}
      retry: {maxAttempts: 1}
    - name: second
      wasm: bill.wasm
      schema: {key: any}
      output: {sink: {uri: '${sink}'}}
---
apiVersion: v1
kind: Secret
metadata: {name: words}
stringData: {greeting: good day}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: order}
data: {order: '{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"}}}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bill}
data: {bill: '{"type":"object","required":["sku","note"]}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: count}
data: {count: '{"type":"integer"}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any: '{}'}
`

const ORDER = `import { emit, encode, env, parseEvent } from 'jobico'
@json class Order { sku: string = '' }
@json class Bill { sku: string = ''; note: string = '' }
export function handle(text: string): string | null {
  const order = parseEvent(text).decode<Order>()
  emit<string>('count', '1')
  const bill = new Bill()
  bill.sku = order.sku
  bill.note = env('GREETING')!
  return encode(bill)
}`
const SAME = `import { parseEvent } from 'jobico'
export function handle(text: string): string | null { return parseEvent(text).data.toString() }`
const COUNT = `export function handle(text: string): string | null { throw new Error('no counter') }`

t.test('the packed package does for one machine what a Job can have', async (t) => {
  const taken: string[] = []
  let isOpen = false
  const sink = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (isOpen) taken.push(`${String(request.headers['ce-type'])} ${body}`)
      response.writeHead(isOpen ? 204 : 422).end(isOpen ? '' : '{"detail":"no such customer"}')
    })
  }).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  t.teardown(() => sink.close())
  const address = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`
  const project = t.testdir({
    'job.yaml': shopJob(address),
    assembly: { 'order.ts': ORDER, 'bill.ts': SAME, 'count.ts': COUNT },
    examples: { order: { 'a.json': '{"sku":"A-1"}' } },
    node_modules: t.fixture('symlink', modules),
    'panics.wasm': readFileSync(join(ROOT, 'functions', 'guests', 'programs', 'panics.wasm')),
  })
  const command = async (...args: readonly string[]) => await jobico(args, project).finished

  const dev = startDev(t, project)
  await dev.waitFor(/\/listener\/second/)
  const sent = await command('send', 'order', '--data', '{"sku":"A-1"}', '--wait')
  t.match(sent, { code: 0, stdout: /"data":\{"sku":"A-1","note":"good day"\}/ }, 'a secret')
  await dev.waitFor(/bill +dead/)
  await dev.waitFor(/count +dead/)
  const list = await command('dead', 'list', 'shop')
  t.match(list, { code: 0, stdout: / bill +SINK_REFUSED .*answered 422: no such customer/ })
  t.match(list.stdout, / count +MODULE_TRAP .*abort: no counter/, 'what was emitted')
  isOpen = true
  t.match(await command('dead', 'redrive', 'shop', '--event', 'bill'), { code: 0 })
  await dev.waitFor(/bill +done/)
  t.same(
    taken,
    ['dev.coeux.jobico.order.result.result {"sku":"A-1","note":"good day"}'],
    'a chain and a sink',
  )

  t.match(await command('send', 'program', '--data', '"emit"', '--wait'), { code: 0 })
  await dev.waitFor(/second +done/)
  t.match(taken[1], /\{"n":1\}$/, 'what a program for WASI emits')
  const panicked = await command('send', 'program', '--data', '"panic"', '--wait')
  t.match(panicked, { code: 1, stderr: /MODULE_TRAP: .*panics\.rs:17:20: order 5 has no items/ })

  t.match(await command('dead', 'purge', 'shop', '--all', '--yes'), { code: 0 })
  t.match(await command('status', 'shop'), { code: 0, stdout: /bill/ })
  t.match(await command('test', '--update'), { code: 0 })
  t.match(await command('push', '--check', 'panics.wasm'), { code: 0, stdout: /wasi/ })
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

t.test(
  'the package asks for no newer Node than its engines say, and all that comes with it has a hash',
  (t) => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Readonly<
        Record<
          string,
          { dev?: boolean; engines?: { node?: string }; integrity?: string; hasInstallScript?: boolean }
        >
      >
    }
    const needed = (node = '>=0') => Number(/^>= ?(\d+)/.exec(node)?.[1])
    const installed = Object.entries(packages).filter(([, { dev }]) => dev !== true)
    t.ok(installed.length > DEPENDENCIES.length)
    for (const [name, { engines, integrity, hasInstallScript }] of installed) {
      t.ok(needed(engines?.node) <= needed(packages['']?.engines?.node), name)
      t.notOk(hasInstallScript, `${name} runs nothing when it is installed`)
      if (name !== '') t.match(integrity, /^sha512-/, `the hash of ${name}`)
    }
    t.end()
  },
)

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
