import { spawn } from 'node:child_process'
import { once } from 'node:events'

import t from 'tap'

import { startEcho } from '../../dev/dev.fixture.ts'
import { CLI, PERSON, runCli } from '../cli.fixture.ts'

/** Runs `jobico` with the rest of a command line in a shell; the exit code is that of the last part that fails. */
function startPipe(line: string, cwd: string) {
  const args = ['-c', `set -o pipefail; "$0" "$1" ${line}`, process.execPath, CLI]
  const shell = spawn('bash', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const told = { stdout: '', stderr: '' }
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (told.stdout += text))
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (told.stderr += text))
  return { told, ended: once(shell, 'close') as Promise<[code: number | null]> }
}

const QUIET = /^(using jobico dev of [^\n]*\n)?$/

t.test('commands end quietly with their reader', async (t) => {
  const { folder } = await startEcho(t)
  const send = (...more: readonly string[]) =>
    runCli(['send', 'ev1', '--data', JSON.stringify(PERSON), '--wait', ...more], folder)

  const tail = startPipe('tail -o json | head -1', folder)
  while (tail.told.stdout === '') await send()
  const [code] = await tail.ended
  t.equal(code, 0, 'tail ends, though nothing more comes')
  t.match(tail.told, { stdout: /^\{"state":"done".*\n$/, stderr: QUIET })

  const { stdout } = await send('--id', 'A-1')
  const { id } = JSON.parse(stdout) as { id: string }
  for (const line of [
    'status job-for-ev1 | head -1',
    'status 2>&1 | true',
    'dead list job-for-ev1 --json | true',
    `get ${id} | head -1`,
    'send --help | true',
  ]) {
    const pipe = startPipe(line, folder)
    const [ended] = await pipe.ended
    t.equal(ended, 0, line)
    t.match(pipe.told.stderr.replace('there are no dead letters\n', ''), QUIET, `${line} says nothing more`)
  }
})
