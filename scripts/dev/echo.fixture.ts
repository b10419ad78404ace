import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { Test } from 'tap'

import { ECHO_JOB, startCli, type RunningCli } from '../cli/cli.fixture.ts'
import { descendants, gone } from './processes/processes.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'

const STARTED = /curl .* -d '(.*)' (http:\S+\/listener\/ev1)\n/

/** Starts `jobico dev` in a folder. It is killed when the test ends. */
export function startDev(t: Test, folder: string, ...options: readonly string[]): RunningCli {
  const dev = startCli(['dev', '--port', '0', ...options], folder)
  t.teardown(async () => {
    const children = await descendants(dev.pid)
    dev.signal('SIGKILL')
    await Promise.all([dev.finished, ...children.map(gone)])
  })
  return dev
}

/** Starts `jobico dev` in a new folder with the sample echo. It is killed when the test ends. */
export async function startEcho(t: Test, ...options: readonly string[]) {
  const folder = testFolder(t)
  cpSync(ECHO_JOB, join(folder, 'job.yaml'))
  cpSync(join(dirname(ECHO_JOB), 'event.json'), join(folder, 'event.json'))
  cpSync(join(dirname(ECHO_JOB), 'assembly', 'index.ts'), join(folder, 'assembly', 'index.ts'))
  const dev = startDev(t, folder, ...options)
  const [, body = '', url = ''] = await dev.waitFor(STARTED)
  return { folder, dev, body, url }
}

/** Replaces the first `from` in a text file. Throws if it is not there. */
export function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`no ${from} in ${file}`)
  writeFileSync(file, text.replace(from, to))
}
