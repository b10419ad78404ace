import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { checkModuleInThread } from '../../../functions/guests/check/check-in-thread.ts'
import { JobicoError, messageOf } from '../../../functions/process/errors.ts'
import type { LocalEvent, LocalJob, LocalModule } from '../../job-files/local-job.ts'
import { currentRecord, removeStale, storeRecord } from './build-record.ts'
import type { Compiler } from './compiler.ts'
import type { PreparedEvent, PreparedJob } from '../desired-processes.ts'

/** Makes Jobs ready to run. Throws one MODULE_INVALID with all faults of their modules, one a line. */
export type Prepare = (jobs: readonly LocalJob[]) => Promise<readonly PreparedJob[]>

/** Creates a function that compiles, reads and checks the modules of Jobs. */
export function createPrepare(compiler: Pick<Compiler, 'compile' | 'tool'>, hooks: CompileHooks): Prepare {
  const compile = createCompile(compiler, hooks)
  return async (wanted) => {
    const jobs = wanted.map((job) => ({ ...job, events: job.events.map(withDevOutput) }))
    await compile(jobs.flatMap(({ file, events }) => events.map(({ module }) => ({ file, module }))))
    return await allOrFaults(
      jobs.map(async (job) => ({
        ...job,
        events: await allOrFaults(
          job.events.map(async (event) => ({ ...event, ...(await readChecked(job.file, event)) })),
        ),
      })),
    )
  }
}

/** Sends the compiled module to build/dev/, because build/ itself is for optimized modules to deploy. */
function withDevOutput(event: LocalEvent): LocalEvent {
  const { module } = event
  if (module.kind === 'file') return event
  return { ...event, module: { ...module, out: join(dirname(module.out), 'dev', basename(module.out)) } }
}

/** A module, and the file of the Job that names it. */
export interface NamedModule {
  readonly file: string
  readonly module: LocalModule
}

/** Where the records of compiled modules are, and what a compilation tells besides its modules. */
export interface CompileHooks {
  /** A folder in the user's cache. */
  readonly records: string
  /** Gets the compiler's warnings about a module; the same ones only once. */
  readonly warn: (text: string) => void
  /** Gets the absolute paths that a module depends on, also when it does not compile: also of files that are not there. */
  readonly onRead?: (paths: readonly string[]) => void
}

/**
 * Creates a function that compiles the modules that are sources, each only if the compiler would now read other files than
 * the last time, or has changed itself. Throws one MODULE_INVALID with all faults, one a line.
 */
export function createCompile(
  compiler: Pick<Compiler, 'compile' | 'tool'>,
  { records, warn, onRead }: CompileHooks,
): (modules: readonly NamedModule[]) => Promise<void> {
  const told = new Map<string, string>()

  const compileAnew = async (file: string, module: SourceModule) => {
    const { inputs, fault, diagnostics = '' } = await compiler.compile(module)
    if (fault !== undefined) {
      onRead?.(Object.keys(inputs))
      throw new JobicoError('MODULE_INVALID', fault)
    }
    return await storeRecord(records, module.out, {
      job: resolve(file),
      tool: compiler.tool,
      inputs,
      diagnostics,
    })
  }
  const compile = async ([file, module]: readonly [string, SourceModule]) => {
    const record =
      (await currentRecord(records, module.out, compiler.tool)) ?? (await compileAnew(file, module))
    onRead?.(Object.keys(record.inputs))
    if (record.diagnostics !== '' && told.get(module.out) !== record.output) warn(record.diagnostics)
    told.set(module.out, record.output)
  }
  return async (modules) => {
    const sources = new Map(
      modules.flatMap(({ file, module }) =>
        module.kind === 'source' ? [[module.out, [file, module] as const]] : [],
      ),
    )
    await allOrFaults([...sources.values()].map(compile))
  }
}

type SourceModule = Extract<LocalModule, { kind: 'source' }>

/**
 * Removes from `build/` beside the files of Jobs, and from `build/dev/`, what was compiled there for one of these Jobs and is
 * no longer named by it.
 */
export async function removeStaleModules(jobs: readonly NamedModule[], records: string): Promise<void> {
  const byFolder = Map.groupBy(jobs, ({ file }) => join(dirname(resolve(file)), 'build'))
  for (const [folder, named] of byFolder) {
    const files = named.map(({ file }) => resolve(file))
    const names = new Set(
      named.map(({ module }) => basename(module.kind === 'file' ? module.path : module.out)),
    )
    for (const each of [folder, join(folder, 'dev')]) await removeStale(records, each, files, names)
  }
}

/** Reads and checks the compiled module of an event. Throws MODULE_INVALID; `file` is the Job's file, for the message. */
export async function readChecked(
  file: string,
  { name, module, memoryBytes }: Pick<LocalEvent, 'name' | 'module' | 'memoryBytes'>,
): Promise<Pick<PreparedEvent, 'moduleBytes' | 'digest' | 'emits'>> {
  const path = module.kind === 'file' ? module.path : module.out
  try {
    const moduleBytes = await readFile(path)
    const { digest, emits } = await checkModuleInThread(moduleBytes, { name: shownPath(path), memoryBytes })
    return { moduleBytes, digest, emits }
  } catch (cause) {
    throw new JobicoError('MODULE_INVALID', `${file}: event ${name}: ${messageOf(cause)}`, {
      cause,
    })
  }
}

function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}

/**
 * Waits for all tasks and returns their results. If some fail, throws one MODULE_INVALID with their messages, one a line.
 */
export async function allOrFaults<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(tasks)
  const faults = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []))
  if (faults.length > 0) throw new JobicoError('MODULE_INVALID', [...new Set(faults)].join('\n'))
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
