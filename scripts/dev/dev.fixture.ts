import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { connectNats } from '../../functions/jetstream/connection.ts'
import { ECHO_JOB, startCli, type ProgramOptions, type RunningCli } from '../cli/cli.fixture.ts'
import { processEnvironment } from './config.ts'
import { startDev, type Dev } from './dev.ts'
import { devAccess } from './keys.ts'
import type { Report } from './output/report.ts'
import { descendants, gone } from './processes/processes.fixture.ts'
import { stateDir } from './state-dir.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'

const STARTED = /curl .* -d '(.*)' (http:\S+\/listener\/ev1)\n/

/** Starts `jobico dev` in a folder, on any free port. It is killed when the test ends, which waits for its processes. */
export function startDevCli(
  t: Test,
  folder: string,
  args: readonly string[] = [],
  options?: ProgramOptions,
): RunningCli {
  const dev = startCli(['dev', '--port', '0', ...args], folder, options)
  t.teardown(async () => {
    const children = await descendants(dev.pid)
    dev.signal('SIGKILL')
    await Promise.all([dev.finished, ...children.map(gone)])
  })
  return dev
}

/** Starts `jobico dev` in a new folder with the sample echo. */
export async function startEcho(t: Test, ...args: readonly string[]) {
  const folder = testFolder(t)
  copyEcho(folder)
  const dev = startDevCli(t, folder, args)
  const [, body = '', url = ''] = await dev.waitFor(STARTED)
  return { folder, dev, body, url }
}

/** Connects to the NATS of a `jobico dev` in a folder, with all rights. The caller closes the connection. */
export async function connectToDev(folder: string, natsUrl: string): Promise<NatsConnection> {
  const place = { storeDir: join(stateDir(folder), 'nats'), environment: processEnvironment() }
  return await connectNats({ ...devAccess(natsUrl, place, 'operator'), name: 'test' })
}

/** A `jobico dev` in the process of the test. */
export interface DevHere {
  readonly dev: Dev
  /** What it has told besides the log lines of its processes. */
  notes(): readonly string[]
}

/** Runs the sample echo in a folder, in this process. It stops when the test ends. */
export async function startEchoHere(t: Test, folder: string): Promise<DevHere> {
  copyEcho(folder)
  const reports: Report[] = []
  const dev = await startDev({
    folder,
    files: [join(folder, 'job.yaml')],
    host: '127.0.0.1',
    port: 0,
    logLevel: 'info',
    environment: processEnvironment(),
    show: (report) => void reports.push(report),
  })
  t.teardown(() => dev.stop())
  return {
    dev,
    notes: () => reports.flatMap((report) => (report.kind === 'note' ? [report.text] : [])),
  }
}

function copyEcho(folder: string): void {
  const sample = dirname(ECHO_JOB)
  for (const path of ['job.yaml', 'event.json', join('assembly', 'index.ts')])
    cpSync(join(sample, path), join(folder, path))
}

/** Replaces the first `from` in a text file. Throws if it is not there. */
export function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`no ${from} in ${file}`)
  writeFileSync(file, text.replace(from, to))
}
