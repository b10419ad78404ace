import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import t from 'tap'

import { edit, startDevCli } from '../../dev/dev.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { CLI } from '../cli.fixture.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const SAMPLE = 'wasm-examples/order'

interface Step {
  readonly command: string
  /** What the page shows below the command. */
  readonly shown: readonly string[]
}

/** The commands in the console blocks of a page, in their order. */
function stepsOf(page: string): readonly Step[] {
  const blocks = page.matchAll(/^```console\n([^]*?)^```$/gm)
  return [...blocks].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command = '', ...shown] = text.trimEnd().split('\n')
        return { command, shown }
      }),
  )
}

/** A line of the page as a pattern: `…` stands for anything, a time for any time. */
function patternOf(line: string): RegExp {
  const escaped = line.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(
    `^${escaped.replaceAll('…', '.*').replaceAll(/\d{4}-\d\d-\d\dT[\d:]+\\\.\d+Z/g, String.raw`\S{24}`)}$`,
    'm',
  )
}

/** Runs a line in a shell that has `npx jobico`, and gives all that it prints. */
async function run(command: string, cwd: string): Promise<string> {
  const script = `npx() { shift; "$0" "$CLI" "$@"; }\n${command}`
  return await new Promise((resolve) => {
    const env = { ...process.env, CLI }
    execFile('bash', ['-c', script, process.execPath], { cwd, env }, (_fault, stdout, stderr) => {
      resolve(stderr + stdout)
    })
  })
}

t.test('the commands of the page on dead letters print what it shows', async (t) => {
  const folder = testFolder(t)
  cpSync(join(ROOT, SAMPLE), join(folder, SAMPLE), { recursive: true })
  const [start, ...steps] = stepsOf(readFileSync(join(ROOT, 'docs', 'dead-letters.md'), 'utf8'))
  t.equal(start?.command, `npx jobico dev ${SAMPLE}/job.yaml`)
  const dev = startDevCli(t, folder, [`${SAMPLE}/job.yaml`])
  await dev.waitFor(/(http:\S+\/listener\/order)\n/)
  t.equal(steps.length, 6)
  for (const { command, shown } of steps) {
    if (command.includes('--dry-run')) {
      // What the page says in words.
      edit(join(folder, SAMPLE, 'job.yaml'), 'AT=20,', 'PT=23,AT=20,')
      await dev.waitFor(/reloaded runner\/order\n/)
    }
    let told = await run(command, folder)
    while (/ get /.test(command) && told.includes('pending')) told = await run(command, folder)
    for (const line of shown) t.match(told, patternOf(line), command)
  }
})
