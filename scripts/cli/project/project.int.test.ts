import { readFileSync, rmSync, writeFileSync } from 'node:fs'
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
