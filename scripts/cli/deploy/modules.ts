import { allOrFaults, readChecked } from '../../dev/compiler/prepare.ts'
import type { ClusterJob } from '../../job-files/cluster-files.ts'
import { compileModules } from '../project/compile-modules.ts'

/** A module to push; it passed the check of every event that runs it. */
export interface ReadModule {
  readonly namespace: string
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * Compiles, reads and checks the modules of Jobs. Throws one MODULE_INVALID with all faults, one a line, and an Error if two
 * Jobs of a namespace have different modules of the same name.
 */
export async function readModules(jobs: readonly ClusterJob[]): Promise<readonly ReadModule[]> {
  const sources = jobs.flatMap(({ namespace, file, events }) =>
    events.flatMap(({ name, wasm, module, memoryBytes }) =>
      module === undefined ? [] : [{ namespace, file, wasm, event: { name, module, memoryBytes } }],
    ),
  )
  await compileModules(sources.map(({ file, event }) => ({ file, module: event.module })))
  const read = await allOrFaults(
    sources.map(async ({ namespace, file, wasm, event }) => ({
      ...{ namespace, name: wasm, file },
      bytes: (await readChecked(file, event)).moduleBytes,
    })),
  )
  return distinct(read)
}

function distinct(read: readonly (ReadModule & { readonly file: string })[]): readonly ReadModule[] {
  const byName = new Map<string, ReadModule & { readonly file: string }>()
  for (const module of read) {
    const key = `${module.namespace}/${module.name}`
    const first = byName.get(key) ?? module
    byName.set(key, first)
    if (Buffer.compare(first.bytes, module.bytes) !== 0)
      throw new Error(
        `the modules ${module.name} of ${first.file} and ${module.file} differ, but a namespace has only one module of each name; rename one of them`,
      )
  }
  return [...byName.values()].map(({ namespace, name, bytes }) => ({ namespace, name, bytes }))
}
