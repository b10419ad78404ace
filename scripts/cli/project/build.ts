import { stat } from 'node:fs/promises'

import { digestOf } from '../../../functions/modules/digest.ts'
import { buildRecords } from '../../dev/compiler/build-record.ts'
import { allOrFaults, readChecked, removeStaleModules } from '../../dev/compiler/prepare.ts'
import { loadJobs } from '../../job-files/load.ts'
import type { LocalJob } from '../../job-files/local-job.ts'
import { shown } from '../../module-testing/examples.ts'
import { compileModules } from './compile-modules.ts'
import { findProject } from './find-project.ts'
import { print, type Format } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'

/** The options of `jobico build`. */
export interface BuildOptions {
  readonly output: Format
}

/** A compiled and checked module; `size` in bytes. */
export interface BuiltModule {
  readonly file: string
  readonly size: number
  readonly digest: string
}

/**
 * Compiles the modules of Jobs whose sources changed, checks all of them, and prints their files. Removes modules that it
 * compiled earlier and that the Jobs no longer name. Throws one MODULE_INVALID with all faults.
 */
export async function build(files: readonly string[], { output }: BuildOptions): Promise<void> {
  const { jobs } = await loadJobs(findProject(files, 'build').files)
  const built = await buildModules(jobs)
  if (output === 'json') print(JSON.stringify(built), 'json')
  else
    tableLines([
      ['MODULE', 'BYTES', 'DIGEST'],
      ...built.map(({ file, size, digest }) => [file, String(size), digest]),
    ]).forEach((line) => {
      print(line)
    })
}

/**
 * Compiles and checks the modules of Jobs, and lists each file once. Compiler warnings go to standard error. Throws one
 * MODULE_INVALID with all faults.
 */
export async function buildModules(jobs: readonly LocalJob[]): Promise<readonly BuiltModule[]> {
  const events = jobs.flatMap((job) => job.events.map((event) => ({ file: job.file, event })))
  const modules = events.map(({ file, event }) => ({ file, module: event.module }))
  await compileModules(modules)
  await removeStaleModules(modules, buildRecords(process.env))
  const built = await allOrFaults(
    events.map(async ({ file, event }): Promise<BuiltModule> => {
      const { moduleBytes } = await readChecked(file, event)
      const path = event.module.kind === 'file' ? event.module.path : event.module.out
      return { file: shown(path), size: (await stat(path)).size, digest: digestOf(moduleBytes) }
    }),
  )
  return [...new Map(built.map((each) => [each.file, each])).values()]
}
