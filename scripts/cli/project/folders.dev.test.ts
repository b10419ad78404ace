import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

import { runCli, startCli, startProgram } from '../cli.fixture.ts'

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
      /left as they were: package\.json, README\.md\n[^]*npm pkg set 'devDependencies\.jobico=file:[^']*' .*'scripts\.test=[^]*allowScripts[^]*next:/,
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
