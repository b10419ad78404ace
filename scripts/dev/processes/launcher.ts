import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { bundleProcesses } from '../../bundling/processes.ts'
import type { ChildSpec } from '../desired-processes.ts'
import { entryUrl, RUNS_FROM_SOURCE, type Entry } from './entry-points.ts'
import { startProcess, type Process } from './process.ts'

/** From so many processes on, bundling them takes less time than they would take to load their sources. */
const BUNDLE_FROM = 16

/** Starts the processes of children. */
export interface Launcher {
  /** Makes ready to launch so many processes. */
  expect(count: number): Promise<void>
  launch(spec: ChildSpec): Process
  /**
   * Starts a standby runner if there is none; the next runner to be launched uses its process. Starting a process and
   * loading its code takes a large part of the time from a save to the first result.
   */
  prepare(): void
  /** Kills the standby runner, and removes the bundles. */
  close(): void
}

/**
 * Creates a launcher; its processes get these variables, and those of their ChildSpec. In a clone of the repository, many
 * processes are bundled first, into `bundleDir`.
 */
export function createLauncher(
  environment: Readonly<Record<string, string | undefined>>,
  bundleDir: string,
): Launcher {
  let standby: Process | undefined
  let isBundled = false
  const fileOf = (entry: Entry) =>
    isBundled ? join(bundleDir, `${entry}.js`) : fileURLToPath(entryUrl(entry))
  const start = (entry: Entry, ofChild: ChildSpec['environment'] = {}) =>
    startProcess(fileOf(entry), { ...environment, ...ofChild })
  return {
    async expect(count) {
      if (!RUNS_FROM_SOURCE || isBundled || count < BUNDLE_FROM) return
      rmSync(bundleDir, { recursive: true, force: true })
      await bundle(bundleDir)
      isBundled = true
    },
    launch({ component, environment: ofChild }) {
      if (component !== 'runner' || !standby?.connected) return start(component, ofChild)
      const prepared = standby
      standby = undefined
      prepared.send(ofChild, () => undefined) // if it has ended meanwhile, ChildRun.ended reports that
      return prepared
    },
    prepare() {
      if (standby?.connected) return
      standby = start('standby-runner')
      standby.on('error', () => undefined) // if it can't start, the next runner can't either, and reports it
    },
    close() {
      standby?.kill('SIGKILL')
      standby = undefined
      if (isBundled) rmSync(bundleDir, { recursive: true, force: true })
    },
  }
}

async function bundle(folder: string): Promise<void> {
  // A URL, so that the package does not get a part that only a clone can use.
  const file = new URL('../../bundling/processes.ts', import.meta.url)
  const bundling = (await import(file.href)) as { readonly bundleProcesses: typeof bundleProcesses }
  await bundling.bundleProcesses(folder)
}
