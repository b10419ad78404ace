import { fileURLToPath } from 'node:url'

import type { ChildSpec } from '../desired.ts'
import { entryUrl, type Entry } from './entries.ts'
import { startProcess, type Process } from './process.ts'

/** Starts the processes of children. */
export interface Launcher {
  launch(spec: ChildSpec): Process
  /**
   * Starts a process that loads all that a runner needs, for the next runner to be launched, where there is none: to
   * start and to load takes a good part of the time from a save to the first result of the new code.
   */
  prepare(): void
  /** Ends the process that is prepared. */
  close(): void
}

/** A launcher whose processes have these variables beside those of their contract. */
export function createLauncher(environment: Readonly<Record<string, string | undefined>>): Launcher {
  let standby: Process | undefined
  const start = (entry: Entry, ofChild: ChildSpec['environment'] = {}) =>
    startProcess(fileURLToPath(entryUrl(entry)), { ...environment, ...ofChild })
  return {
    launch({ component, environment: ofChild }) {
      if (component !== 'runner' || !standby?.connected) return start(component, ofChild)
      const prepared = standby
      standby = undefined
      prepared.send(ofChild, () => undefined) // where it has ended meanwhile, that is what its run is told
      return prepared
    },
    prepare() {
      if (standby?.connected) return
      standby = start('standby-runner')
      standby.on('error', () => undefined) // where it can't be started, nor can the next runner, which says so
    },
    close() {
      standby?.kill('SIGKILL')
      standby = undefined
    },
  }
}
