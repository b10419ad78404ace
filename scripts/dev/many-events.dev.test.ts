import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { runCli } from '../cli/cli.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { startDevCli } from './dev.fixture.ts'

/** docs/development.md asks for 50, the most that a Job may have. */
const EVENTS = Number(process.env['JOBICO_TEST_EVENTS'] ?? 12)

t.test('a Job of many events starts, and little is said of it', async (t) => {
  const folder = testFolder(t)
  const names = Array.from({ length: EVENTS }, (_, index) => `e${index}`)
  const events = names.map((name) => `  - {name: ${name}, wasm: many.wasm, schema: {key: any}}`)
  const job = ['apiVersion: jobico.coeux.dev/v1', 'kind: Job', 'metadata: {name: many}', 'spec:', '  events:']
  const schema = [
    '---',
    'apiVersion: v1',
    'kind: ConfigMap',
    'metadata: {name: any}',
    "data: {any.json: '{}'}",
  ]
  writeFileSync(join(folder, 'job.yaml'), [...job, ...events, ...schema, ''].join('\n'))
  mkdirSync(join(folder, 'assembly'))
  writeFileSync(
    join(folder, 'assembly', 'index.ts'),
    'export function handle(text: string): string | null {\n  return "1"\n}\n',
  )
  const dev = startDevCli(t, folder)
  await dev.waitFor(
    RegExp(
      `jobico dev serves [^]*curl .*/listener/e0\\n[^]*and ${EVENTS - 1} more events .*: e1, e2, .* \\(${EVENTS - 1}\\)\\n`,
    ),
  )
  const lines = dev.output().trimEnd().split('\n')
  t.ok(lines.length < 40, `${lines.length} lines`)
  for (const name of ['e0', `e${EVENTS - 1}`]) {
    const sent = await runCli(['send', name, '--data', '{}', '--wait'], folder)
    t.match(sent, { code: 0, stdout: /"data":1\}/ }, name)
  }
})
