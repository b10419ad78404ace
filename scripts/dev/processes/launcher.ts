import { fileURLToPath } from 'node:url'

import type { ChildSpec } from '../desired-processes.ts'
import { entryUrl, type Entry } from './entry-points.ts'
import { startProcess, type Process } from './process.ts'

/** Starts the processes of children. */
export interface Launcher {
  launch(spec: ChildSpec): Process
  /**
   * Starts a standby runner if there is none; the next runner to be launched uses its process. Starting a process and
   * loading its code takes a large part of the time from a save to the first result.
   */
  prepare(): void
  /** Kills the standby runner. */
  close(): void
}

/** Creates a launcher; its processes get these variables, and those of their ChildSpec. */
export function createLauncher(environment: Readonly<Record<string, string | undefined>>): Launcher {
  let standby: Process | undefined
  const start = (entry: Entry, ofChild: ChildSpec['environment'] = {}) =>
    startProcess(fileURLToPath(entryUrl(entry)), { ...environment, ...ofChild })
  return {
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
    },
  }
}
