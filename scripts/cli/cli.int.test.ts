import { createServer, type AddressInfo } from 'node:net'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { fromWat, handle, RUNTIME } from '../../functions/guests/test-modules.ts'
import { runCli } from './cli.fixture.ts'

const HEADER = 'apiVersion: jobico.coeux.dev/v1\nkind: Job\nmetadata:\n  name: shop\nspec:\n  events:\n'
const EVENT = '    - name: ev1\n      wasm: x.wasm\n      schema:\n        key: schema-ev1\n'
const SCHEMA = `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: schema-ev1
data:
  schema-ev1: '{"type":"object"}'
`
const EMPTY_MODULE = Buffer.from('0061736d01000000', 'hex')
const FETCHING_MODULE = Buffer.from(
  fromWat('(import "env" "fetch" (func))', RUNTIME, handle('(i32.const 0)')),
)

const badFiles: readonly {
  readonly name: string
  readonly files: Readonly<Record<string, string | Buffer>>
  readonly args?: readonly string[]
  readonly stderr: RegExp
}[] = [
  {
    name: 'no file named and none here',
    files: {},
    stderr: /^error: there is no job\.yaml in this folder or above it; name the file/,
  },
  {
    name: 'no such file',
    files: { 'job.yaml': '' },
    args: ['jobs.yaml'],
    stderr: /^error: jobs\.yaml: no such file; did you mean job\.yaml/,
  },
  { name: 'not YAML', files: { 'job.yaml': 'kind: Job\n  name: [' }, stderr: /^error: job\.yaml:\d+: / },
  {
    name: 'no Job in it',
    files: { 'job.yaml': SCHEMA },
    stderr: /^error: job\.yaml: there is no Job here; add a document/,
  },
  {
    name: 'unknown field',
    files: { 'job.yaml': `${HEADER}${EVENT}      timeoutSecond: 3\n${SCHEMA}`, 'x.wasm': EMPTY_MODULE },
    stderr:
      /^error: job\.yaml:11: spec\.events\[0\]\S*: unknown field "timeoutSecond"; did you mean "timeoutSeconds"\?/,
  },
  {
    name: 'a name of 11 characters',
    files: { 'job.yaml': `${HEADER}${EVENT.replace('ev1', 'abcdefghijk')}${SCHEMA}`, 'x.wasm': EMPTY_MODULE },
    stderr: /^error: job\.yaml:7: spec\.events\[0\]\.name: .*at most 10 characters/,
  },
  {
    name: 'missing schema',
    files: { 'job.yaml': `${HEADER}${EVENT}`, 'x.wasm': EMPTY_MODULE },
    stderr: /^error: job\.yaml:\d+: spec\.events\[0\]\.schema\S*: .*ConfigMap.*schema-ev1/,
  },
  {
    name: 'schema invalid',
    files: {
      'job.yaml': `${HEADER}${EVENT}${SCHEMA.replace('"object"', '"objekt"')}`,
      'x.wasm': EMPTY_MODULE,
    },
    stderr: /^error: job\.yaml:\d+: .*\/type/,
  },
  {
    name: 'module missing',
    files: { 'job.yaml': `${HEADER}${EVENT}${SCHEMA}` },
    stderr:
      /^error: job\.yaml:8: spec\.events\[0\]\.wasm: the module x\.wasm was not found; looked .* put it in/,
  },
  {
    name: 'not WebAssembly',
    files: { 'job.yaml': `${HEADER}${EVENT}${SCHEMA}`, 'x.wasm': 'hello' },
    stderr: /^error: job\.yaml: event ev1: .*x\.wasm.*WebAssembly/,
  },
  {
    name: 'no known entry',
    files: { 'job.yaml': `${HEADER}${EVENT}${SCHEMA}`, 'x.wasm': EMPTY_MODULE },
    stderr: /^error: job\.yaml: event ev1: .*x\.wasm.*no known entry.*write `export function handle/,
  },
  {
    name: 'an import that no host offers',
    files: { 'job.yaml': `${HEADER}${EVENT}${SCHEMA}`, 'x.wasm': FETCHING_MODULE },
    stderr: /^error: job\.yaml: event ev1: .*x\.wasm.*env\.fetch, which is not offered/,
  },
  {
    name: 'a source that does not compile',
    files: {
      'job.yaml': `${HEADER}${EVENT}${SCHEMA}`,
      'assembly/x.ts': 'export function handle(text: string): string {\n  return nothing\n}\n',
    },
    stderr: /^error: assembly\/x\.ts does not compile:[^]*nothing[^]*assembly\/x\.ts:2:10/,
  },
  {
    name: 'an event of two namespaces',
    files: {
      'job.yaml': `${HEADER}${EVENT}${SCHEMA}---\n${HEADER.replace('shop', 'shop\n  namespace: other')}${EVENT}${SCHEMA.replace('name: schema-ev1', 'name: schema-ev1\n  namespace: other')}`,
      'x.wasm': EMPTY_MODULE,
    },
    stderr:
      /^error: job\.yaml:26: spec\.events\[0\]\.name: the Job shop has an event ev1 already \(job\.yaml:7\); give/,
  },
]

t.test('bad files, each with its one error', { jobs: 2 }, (t) => {
  for (const { name, files, args = [], stderr } of badFiles) {
    t.test(name, async (t) => {
      const folder = t.testdir(nested(files))
      const result = await runCli(['dev', ...args, '--port', '0'], folder)
      t.match(result, { code: 1, stderr })
      t.equal(result.stderr.match(/error:/g)?.length, 1, 'one error')
      t.notMatch(result.stderr, /\n {4}at /, 'no stack trace')
      t.notOk(existsSync(join(folder, '.jobico', 'dev.json')))
    })
  }
  t.end()
})

/** testdir takes folders as objects. */
function nested(files: Readonly<Record<string, string | Buffer>>) {
  const tree: Record<string, string | Buffer | Record<string, string | Buffer>> = {}
  for (const [path, content] of Object.entries(files)) {
    const [folder = '', name] = path.split('/')
    if (name === undefined) tree[folder] = content
    else tree[folder] = { [name]: content }
  }
  return tree
}

t.test('a port that is taken', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  const folder = t.testdir({ 'job.yaml': `${HEADER}${EVENT}${SCHEMA}`, 'x.wasm': EMPTY_MODULE })
  const result = await runCli(['dev', '--port', String(port)], folder)
  t.match(result, {
    code: 1,
    stderr: new RegExp(`^error: port ${port} is taken by another program; choose another one with --port`),
  })
})

t.test('a nats-server that can not be had ends dev with what to install', async (t) => {
  const folder = t.testdir({ 'job.yaml': `${HEADER}${EVENT}${SCHEMA}`, 'x.wasm': EMPTY_MODULE })
  const result = await runCli(['dev', '--port', '0'], folder, {
    environment: { NATS_SERVER: '/no/such/program' },
  })
  t.match(result, {
    code: 1,
    stderr: /^error: NATS_SERVER names .* which does not run; install nats-server 2\.15/,
  })
})

const mistakes: readonly {
  readonly args: readonly string[]
  readonly input?: string
  readonly stderr: RegExp
}[] = [
  { args: ['dev', '--port', '70000'], stderr: /^error: .*whole number from 0 to 65535/ },
  { args: ['dve'], stderr: /^error: unknown command 'dve'[^]*dev/ },
  {
    args: ['send', 'ev1', '--data', '{}'],
    stderr: /^error: no jobico dev runs in this folder or above it; start one/,
  },
  { args: ['send', 'ev1'], stderr: /^error: give the data with --data JSON or with --file FILE/ },
  { args: ['send', 'ev1', '--data', '{}', '--file', 'x'], stderr: /^error: give the data .*not with both/ },
  { args: ['send', 'ev1', '--data', 'hello'], stderr: /^error: the data is not JSON .*quotation marks/ },
  { args: ['send', 'ev1', '--data', '-'], input: '{', stderr: /^error: the data is not JSON/ },
  { args: ['send', 'ev1', '--file', 'none.json'], stderr: /^error: none\.json can not be read/ },
  {
    args: ['send', 'ev1', '--data', '{}', '--url', 'localhost'],
    stderr: /^error: --url localhost is no http or https address/,
  },
  {
    args: ['send', 'ev1', '--data', '{}', '--url', 'http://127.0.0.1:1'],
    stderr: /^error: http:\/\/127\.0\.0\.1:1\/listener\/ev1 does not answer/,
  },
  { args: ['send', 'ev1', '--data', '{}', '--wait', '61'], stderr: /^error: .*whole number from 1 to 60/ },
  {
    args: ['get', 'a'.repeat(26), '--url', 'http://127.0.0.1:1'],
    stderr: /^error: --url needs the name of the event/,
  },
  { args: ['get', 'abc'], stderr: /^error: abc is no key: it has 26 lower-case letters and digits/ },
  {
    args: ['get', 'a'.repeat(26), '--url', 'http://127.0.0.1:1', '-n', 'x'],
    stderr: /^error: .*--url.* cannot be used with .*--namespace/,
  },
  { args: ['status', '-n', 'x'], stderr: /^error: the kubeconfig can't be read/ },
  { args: ['tail'], stderr: /^error: no jobico dev runs in this folder or above it; start one/ },
  { args: ['dead', 'list', 'a', '--limit', '0'], stderr: /^error: .*whole number from 1 to 10000/ },
  { args: ['dead'], stderr: /^Usage: jobico dead/ },
  { args: ['dead', 'list', 'a', '--code', 'REJECT'], stderr: /^error: no event dies with .*mean REJECTED\?/ },
  { args: ['dead', 'list', 'a', '--since', '1'], stderr: /^error: --since 1 is no time: .* such as 30m/ },
  { args: ['dead', 'show', 'a', 'b'], stderr: /^error: b is no key/ },
  { args: ['dead', 'redrive', 'a'], stderr: /^error: say which dead letters: .* or with --all/ },
  { args: ['dead', 'redrive', 'a', '--all', '-e', 'b'], stderr: /^error: --all means every dead letter/ },
  { args: ['dead', 'redrive', 'a', '--rate', '0'], stderr: /^error: .*whole number from 1 to 10000/ },
  { args: ['dead', 'purge', 'a'], stderr: /^error: say which dead letters: .* or with --all/ },
  { args: ['push'], stderr: /^error: missing required argument 'file'/ },
  { args: ['deploy', 'none.yaml', '--timeout', '0'], stderr: /^error: .*whole number from 1 to 3600/ },
  {
    args: ['deploy'],
    stderr: /^error: there is no job\.yaml in this folder or above it; .*jobico deploy path/,
  },
  { args: ['init', 'Hello'], stderr: /^error: Hello can not be the name of a Job: .*lower-case/ },
  {
    args: ['init', 'full'],
    stderr:
      /^error: jobico init overwrites nothing, and full has assembly\/index\.ts, event\.json, assembly\/tsconfig\.json already; move these away/,
  },
  { args: ['init', 'yml'], stderr: /yml has job\.yml already; move it away/ },
  { args: ['init', 'file'], stderr: /^error: file is a file; choose another folder/ },
  {
    args: ['init', 'new', '--name', 'a.b'],
    stderr: /^error: a\.b can not be the name of a Job: .*such as my-job/,
  },
]

t.test('mistakes on the command line', { jobs: 2 }, (t) => {
  const folder = t.testdir({ full: { 'event.json': '', assembly: '' }, yml: { 'job.yml': '' }, file: '' })
  for (const { args, input, stderr } of mistakes) {
    t.test(args.join(' '), async (t) => {
      const result = await runCli(args, folder, { input })
      t.match(result, { code: 1, stdout: '', stderr })
    })
  }
  t.end()
})

t.test('every command has help with an example', { jobs: 2 }, (t) => {
  for (const command of [
    ...[
      [],
      ['dev'],
      ['send'],
      ['get'],
      ['init'],
      ['build'],
      ['test'],
      ['tail'],
      ['push'],
      ['deploy'],
      ['status'],
    ],
    ...[['dead'], ['dead', 'list'], ['dead', 'show'], ['dead', 'redrive'], ['dead', 'purge']],
  ]) {
    t.test(command.join(' ') || 'jobico', async (t) => {
      const { code, stdout } = await runCli([...command, '--help'], t.testdirName.replace(/[^/]*$/, ''))
      t.equal(code, 0)
      t.match(stdout, /Usage: jobico[^]*Example:\n {2}jobico /)
    })
  }
  t.end()
})

t.test('init makes a project whose editor files are there', async (t) => {
  const folder = t.testdir({})
  const { code, stdout } = await runCli(['init', 'hello'], folder)
  t.equal(code, 0)
  t.match(stdout, /cd hello\n {2}npx jobico dev/)
  const read = (path: string) => readFileSync(join(folder, 'hello', path), 'utf8')
  const [, schema = 'none'] = /^# yaml-language-server: \$schema=(.*)\n/.exec(read('job.yaml')) ?? []
  t.match(JSON.parse(read(schema)), { properties: { kind: { enum: ['Job'] } } })
  const { extends: base } = JSON.parse(read('assembly/tsconfig.json')) as { extends: string }
  const tsconfig = JSON.parse(read(join('assembly', base))) as {
    extends: string
    compilerOptions: { paths: { jobico: string[] } }
  }
  for (const path of [tsconfig.extends, ...tsconfig.compilerOptions.paths.jobico])
    t.ok(existsSync(path), path)
})
