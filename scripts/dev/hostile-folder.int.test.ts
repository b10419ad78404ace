import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

import t from 'tap'

import { ECHO_JOB, runCli } from '../cli/cli.fixture.ts'
import { askListener } from '../cli/target/address.ts'
import { programPath } from '../cli/terminal/program-path.ts'
import { startDevCli } from './dev.fixture.ts'
import { digestOfContents } from './compiler/build-record.ts'

const SAMPLE = dirname(ECHO_JOB)
const sample = (path: string) => readFileSync(join(SAMPLE, path), 'utf8')

/** What a program, a module of Node or one of Python does that gets run: it leaves a file. */
const LEAVES_A_MARK = {
  shell: '#!/bin/sh\ntouch "$MARK"\n',
  node: 'require("node:fs").writeFileSync(process.env.MARK, "")\n',
  module: 'import { writeFileSync } from "node:fs"\nwriteFileSync(process.env.MARK, "")\n',
  python: 'import os\nopen(os.environ["MARK"], "w").close()\n',
}

/** A cloned project with everything in it that some tool would run. */
const BAITS: Readonly<Record<string, string>> = {
  'asconfig.json': '{"options": {"transform": ["./transform.js"]}, "extends": "./other.json"}',
  'assembly/asconfig.json': '{"options": {"transform": ["../transform.js"]}}',
  'transform.js': LEAVES_A_MARK.module,
  'package.json': JSON.stringify({
    name: 'bait',
    type: 'module',
    main: './transform.js',
    imports: { '#*': './transform.js' },
    scripts: { preinstall: 'touch $MARK', prepare: 'touch $MARK', predev: 'touch $MARK' },
  }),
  'node_modules/assemblyscript/package.json':
    '{"name": "assemblyscript", "exports": {"./asc": "./index.cjs"}}',
  'node_modules/assemblyscript/index.cjs': LEAVES_A_MARK.node,
  'node_modules/jobico/package.json':
    '{"name": "jobico", "exports": {"./testing": "./index.cjs", "./transform": "./index.cjs"}}',
  'node_modules/jobico/index.cjs': LEAVES_A_MARK.node,
  'jobico.config.js': LEAVES_A_MARK.module,
  'jobico.config.ts': LEAVES_A_MARK.module,
  '.env': 'NODE_OPTIONS=--require=./node_modules/jobico/index.cjs\nNATS_SERVER=./nats-server\n',
  '.npmrc': 'node-options=--require=./node_modules/jobico/index.cjs\n',
  'tsconfig.json': '{"compilerOptions": {"plugins": [{"transform": "./transform.js"}]}}',
  'node.config.json': '{"nodeOptions": {"import": ["./transform.js"]}}',
  'pip.py': LEAVES_A_MARK.python,
  'pip/__init__.py': LEAVES_A_MARK.python,
  'zipfile.py': LEAVES_A_MARK.python,
  'glob.py': LEAVES_A_MARK.python,
  'sitecustomize.py': LEAVES_A_MARK.python,
}
const PROGRAMS = ['nats-server', 'python3', 'npm', 'node', 'mkfifo', 'git']

t.test('what a cloned folder brings along is not run', async (t) => {
  const folder = t.testdir({})
  const project = join(folder, 'project')
  const mark = join(folder, 'mark')
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(project, path)), { recursive: true })
    writeFileSync(join(project, path), text, { mode })
  }
  for (const path of ['job.yaml', 'event.json', 'assembly/index.ts']) put(path, sample(path))
  for (const [path, text] of Object.entries(BAITS)) put(path, text)
  for (const name of PROGRAMS)
    for (const bin of ['', 'node_modules/.bin']) put(join(bin, name), LEAVES_A_MARK.shell, 0o755)
  // As npm sets it for a script, and as somebody may have it.
  const path = [join(project, 'node_modules/.bin'), '.', '', process.env['PATH'] ?? ''].join(':')
  const environment = { PATH: path, MARK: mark }
  for (const args of [
    ['build'],
    ['test', '--update'],
    ['test'],
    ['status'],
    ['send', 'ev1', '--data', '{}'],
  ]) {
    const { code, stderr } = await runCli(args, project, { environment })
    t.equal(code, ['status', 'send'].includes(args[0] ?? '') ? 1 : 0, `${args[0]}: ${stderr}`)
    t.notOk(existsSync(mark), args.join(' '))
  }
  const dev = startDevCli(t, project, ['--json'], { environment })
  await dev.waitFor(/"msg":"Serving"/)
  t.notOk(existsSync(mark), 'dev')
})

t.test('programs are not looked for in a project', (t) => {
  t.equal(
    programPath(
      '/p/node_modules/.bin:/usr/bin::.:bin:../bin:/a/node_modules/b/bin:/bin:/opt/node_modules_of/bin',
    ),
    '/usr/bin:/bin:/opt/node_modules_of/bin',
  )
  t.end()
})

t.test('a module that the folder brings along does not pass for its sources', async (t) => {
  const folder = t.testdir({ assembly: {}, build: { dev: {} } })
  for (const path of ['job.yaml', 'event.json', 'assembly/index.ts'])
    writeFileSync(join(folder, path), sample(path))
  t.match(await runCli(['build'], folder), { code: 0 })
  const out = join(folder, 'build', 'echo.wasm')
  const [name = ''] = /wasm: (\S+\.wasm)/.exec(sample('job.yaml'))?.slice(1) ?? []
  const built = join(folder, 'build', name)
  const honest = readFileSync(existsSync(built) ? built : out)
  const planted = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  writeFileSync(built, planted)
  const record = {
    job: '../../job.yaml',
    tool: '',
    inputs: {},
    output: digestOfContents(planted),
    diagnostics: '',
  }
  mkdirSync(join(folder, 'build', '.inputs'))
  writeFileSync(join(folder, 'build', '.inputs', `${name}.json`), JSON.stringify(record))
  t.match(await runCli(['build'], folder), { code: 0 })
  t.ok(readFileSync(built).equals(honest), 'it is compiled again')
})

t.test('nothing is written to where a link of the folder leads', async (t) => {
  const folder = t.testdir({ precious: '"precious"', assembly: {}, fresh: {} })
  for (const path of ['job.yaml', 'event.json', 'assembly/index.ts'])
    writeFileSync(join(folder, path), sample(path))
  symlinkSync('precious', join(folder, 'expected.json'))
  t.match(await runCli(['test', '--update'], folder), { code: 0 })
  t.notOk(lstatSync(join(folder, 'expected.json')).isSymbolicLink())
  symlinkSync('../precious', join(folder, 'fresh', '.gitignore'))
  t.match(await runCli(['init', 'fresh'], folder), { code: 0 })
  mkdirSync(join(folder, '.jobico'))
  symlinkSync('../precious', join(folder, '.jobico', 'tsconfig.json'))
  const dev = await runCli(['dev', '--port', '0'], folder)
  t.match(dev, {
    code: 1,
    stderr: /^error: .*tsconfig\.json is a symbolic link, which Jobico does not follow/,
  })
  t.equal(readFileSync(join(folder, 'precious'), 'utf8'), '"precious"')
})

t.test('what a server answers can not act on the terminal', async (t) => {
  const hostile = '\u001b]0;pwned\u0007\u009b2J\u202e\r'
  const answers: Readonly<Record<number, object>> = {
    422: { title: hostile, detail: hostile, code: hostile, errors: [{ pointer: hostile, detail: hostile }] },
    404: { title: `${hostile}\nerror: all is lost` },
    200: { data: hostile, [hostile]: 1 },
    502: { error: { code: hostile, reason: hostile } },
  }
  const state = { status: 200, plain: false }
  const server = createServer((_request, response) => {
    const body = state.plain ? hostile : JSON.stringify(answers[state.status])
    response.writeHead(state.status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = t.testdir({})
  for (const [status, plain] of [
    ...Object.keys(answers).map((each) => [Number(each), false] as const),
    [500, true] as const,
  ])
    for (const more of [[], ['--json']]) {
      Object.assign(state, { status, plain })
      const { stdout, stderr } = await runCli(['send', 'ev1', '--data', '{}', '--url', url, ...more], folder)
      t.notMatch(`${stdout}${stderr}`, /[^\P{Cc}\n]|\p{Bidi_Control}/u, `${status} ${more.join('')}`)
      t.not(`${stdout}${stderr}`, '')
      if (status === 200) t.match(JSON.parse(stdout), { data: hostile })
    }
})

t.test('a token of the environment goes only to an address that the user named', async (t) => {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  process.env['JOBICO_TOKEN'] = 'ambient'
  t.teardown(() => delete process.env['JOBICO_TOKEN'])
  await askListener({ url, isFound: true }, {})
  await askListener({ url, isFound: true }, { token: 'given' })
  await askListener({ url }, {})
  t.same(seen, [undefined, 'Bearer given', 'Bearer ambient'])
})
