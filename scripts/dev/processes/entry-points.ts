/** A program that is started as a process or a thread. */
export type Entry = 'listener' | 'runner' | 'standby-runner' | 'compiler' | 'guest'

/** The entry files: in the sources, and in the package, where all are in one folder. */
const ENTRIES: Readonly<Record<Entry, { readonly source: string; readonly bundle: string }>> = {
  listener: { source: '../../../functions/listener/main.ts', bundle: './listener.js' },
  runner: { source: '../../../functions/runner/main.ts', bundle: './runner.js' },
  'standby-runner': { source: '../../../functions/runner/standby.ts', bundle: './standby-runner.js' },
  guest: { source: '../../module-testing/guest-thread.ts', bundle: './guest.js' },
  compiler: { source: '../compiler/compiler-worker.ts', bundle: './compiler.js' },
}

/** Whether this code runs from the sources, as in a clone of the repository. */
export const RUNS_FROM_SOURCE = import.meta.url.endsWith('.ts')

/** The file of an entry. */
export function entryUrl(entry: Entry): URL {
  const { source, bundle } = ENTRIES[entry]
  return new URL(RUNS_FROM_SOURCE ? source : bundle, import.meta.url)
}

/** A file of this package by its path from the package root, such as `crds/job.schema.json`. */
export function packageFile(path: string): URL {
  return new URL(`${RUNS_FROM_SOURCE ? '../../../' : '../'}${path}`, import.meta.url)
}
