import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

import { runCli, startCli, startProgram } from '../cli.fixture.ts'
import { TEMPLATES } from './templates/project-files.ts'

for (const template of TEMPLATES) {
  t.test(`${template}: init, test, node --test, dev answers`, async (t) => {
    const parent = t.testdir({})
    const made = await runCli(['init', 'my-job', '--template', template], parent)
    t.match(made, { code: 0, stderr: '' })
    const folder = join(parent, 'my-job')
    const [, event = ''] = /jobico send (\w+) --file event\.json/.exec(made.stdout) ?? []
    const tested = await runCli(['test'], folder)
    t.match(tested, {
      code: 0,
      stderr: '',
      stdout: /^passed {2}\w+ {2}event\.json\n[^]*(\d) of \1 examples ended as expected\n$/,
    })
    t.match(await startProgram(['--test'], folder).finished, { code: 0, stdout: /fail 0/ })

    const dev = startCli(['dev', '--port', '0'], folder)
    await dev.waitFor(/serves http/)
    const sent = await runCli(['send', event, '--file', 'event.json', '--wait'], folder)
    t.match(sent, { code: 0, stdout: /"data":\{/ })
    dev.signal('SIGINT')
    t.equal((await dev.finished).code, 0)
  })
}

t.test('what differs is shown, and can be taken over', async (t) => {
  const parent = t.testdir({})
  await runCli(['init', 'hello'], parent)
  const folder = join(parent, 'hello')
  const expected = join(folder, 'expected.json')
  writeFileSync(expected, '{"greeting": "Hi, Ada!"}')
  const differs = await runCli(['test'], folder)
  t.match(differs, {
    code: 1,
    stdout:
      /^failed {2}hello {2}event\.json\n[^]*- {3}"greeting": "Hi, Ada!"\n[^]*\+ {3}"greeting": "Hello, Ada!"\n[^]*0 of 1 examples/,
  })
  rmSync(join(folder, 'assembly'), { recursive: true }) // what was built of it is there
  const { code, stdout } = await runCli(['test', '-o', 'json'], folder)
  t.equal(code, 1)
  t.match(JSON.parse(stdout), [
    {
      event: 'hello',
      file: 'event.json',
      status: 'failed',
      expected: { greeting: 'Hi, Ada!' },
      actual: { greeting: 'Hello, Ada!' },
    },
  ])
  t.match(await runCli(['test', '--update'], folder), {
    code: 0,
    stdout: /^updated hello {2}event\.json: wrote expected\.json\n/,
  })
  t.strictSame(JSON.parse(readFileSync(expected, 'utf8')), { greeting: 'Hello, Ada!' })
  const built = await runCli(['build', '--json'], folder)
  t.match(JSON.parse(built.stdout), [
    { file: 'build/hello.wasm', size: Number, digest: /^sha256-[0-9a-f]{64}$/ },
  ])
})

t.test('init in a clone leaves all its files as they are', async (t) => {
  const theirs = {
    'README.md': '# mine',
    LICENSE: 'mine',
    'package.json': '{"name":"mine"}',
    src: { a: 'mine' },
  }
  const folder = t.testdir({
    'My.Clone': { ...theirs, '.git': { HEAD: 'ref' }, '.gitignore': 'build\n*.log' },
  })
  const clone = join(folder, 'My.Clone')
  t.match(await runCli(['init', '.'], clone), {
    code: 1,
    stderr: /My\.Clone can not be .*name the Job with --name/,
  })
  t.notOk(existsSync(join(clone, 'job.yaml')), 'nothing is written when it fails')
  const made = await runCli(['init', '.', '--name', 'shop'], clone)
  t.match(made, {
    code: 0,
    stderr: '',
    stdout:
      /left as they were: package\.json, README\.md\n[^]*npm pkg set 'devDependencies\.jobico=file:[^']*' .*'scripts\.test=/,
  })
  const read = (path: string) => readFileSync(join(clone, path), 'utf8')
  t.equal(read('.gitignore'), 'build\n*.log\n.jobico/\nnode_modules/\n')
  for (const [path, text] of Object.entries({ ...theirs, src: undefined }))
    if (text !== undefined) t.equal(read(path), text, path)
  t.match(await runCli(['test'], clone), { code: 0, stdout: /1 of 1 examples/ })
  t.match(await startProgram(['--test'], clone).finished, { code: 0, stdout: /fail 0/ })
  t.match(await runCli(['init', '.', '--name', 'shop'], clone), {
    code: 1,
    stderr: /^error: jobico init overwrites nothing, and \. has job\.yaml, assembly\/index\.ts, .* already/,
  })
})

t.test('every command finds the project from a folder in it', async (t) => {
  const parent = t.testdir({})
  await runCli(['init', 'hello'], parent)
  const project = join(parent, 'hello')
  const below = join(project, 'assembly', 'more')
  mkdirSync(below)
  const stderr = `using the project in ${project}\n`
  t.match(await runCli(['build'], below), { code: 0, stderr, stdout: /build\/hello\.wasm/ })
  t.match(await runCli(['test'], below), { code: 0, stderr, stdout: /1 of 1 examples/ })
  const dev = startCli(['dev', '--port', '0'], below)
  await dev.waitFor(/serves http/)
  const sent = await runCli(['send', 'hello', '--data', '{"name":"Eve"}', '--wait'], join(project, 'test'))
  t.match(sent, { code: 0, stdout: /Hello, Eve!/, stderr: `using jobico dev of ${project} at ` })
  dev.signal('SIGINT')
  t.match(await dev.finished, { code: 0, stderr })
  t.same(readdirSync(below), [], 'all state is in the project')
})

t.test('a schema in a plain file is served, and reloaded when it is saved', async (t) => {
  const parent = t.testdir({})
  await runCli(['init', 'hello'], parent)
  const project = join(parent, 'hello')
  const job = readFileSync(join(project, 'job.yaml'), 'utf8')
  writeFileSync(join(project, 'job.yaml'), job.replace(/---\n[^]*/, ''))
  t.match(await runCli(['test'], project), { code: 1, stderr: /put the schema into schema-hello\.json/ })
  writeFileSync(join(project, 'schema-hello.json'), '{"required": ["name"]}')
  t.match(await runCli(['test'], project), { code: 0, stdout: /1 of 1 examples/ })
  const dev = startCli(['dev', '--port', '0'], project)
  await dev.waitFor(/serves http/)
  t.match(await runCli(['send', 'hello', '--data', '{}'], project), { code: 1, stderr: /name.* is missing/ })
  writeFileSync(join(project, 'schema-hello.json'), '{"required": ["name", "age"]}')
  await dev.waitFor(/reloaded listener\/hello/)
  t.match(await runCli(['send', 'hello', '--data', '{"name":"a"}'], project), {
    code: 1,
    stderr: /age.* is missing/,
  })
  dev.signal('SIGINT')
  t.equal((await dev.finished).code, 0)
})
