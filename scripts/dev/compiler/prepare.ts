import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

import { checkModuleInThread } from '../../../functions/guests/check/check-in-thread.ts'
import { JobicoError, messageOf } from '../../../functions/process/errors.ts'
import type { LocalEvent, LocalJob, LocalModule } from '../../job-files/local-job.ts'
import type { Compiler } from './compiler.ts'
import type { PreparedEvent, PreparedJob } from '../desired-processes.ts'

/** Makes Jobs ready to run. Throws one MODULE_INVALID with all faults of their modules, one a line. */
export type Prepare = (jobs: readonly LocalJob[]) => Promise<readonly PreparedJob[]>

/** Creates a function that compiles, reads and checks the modules of Jobs. It passes the compiler's warnings to `warn`. */
export function createPrepare(compiler: Pick<Compiler, 'compile'>, warn: (text: string) => void): Prepare {
  const compile = createCompile(compiler, warn)
  return async (wanted) => {
    const jobs = wanted.map((job) => ({ ...job, events: job.events.map(withDevOutput) }))
    await compile(jobs.flatMap(({ events }) => events.map(({ module }) => module)))
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

/**
 * Creates a function that compiles the modules that are sources, each only if a source changed since. It passes the
 * compiler's warnings to `warn`, and throws one MODULE_INVALID with all faults, one a line.
 */
export function createCompile(
  compiler: Pick<Compiler, 'compile'>,
  warn: (text: string) => void,
): (modules: readonly LocalModule[]) => Promise<void> {
  const compiled = new Map<string, string>()

  const compile = async (module: Extract<LocalModule, { kind: 'source' }>) => {
    const digest = await sourceDigest(dirname(module.entry))
    if (compiled.get(module.out) === digest && existsSync(module.out)) return
    const diagnostics = await compiler.compile(module)
    compiled.set(module.out, digest)
    if (diagnostics !== '') warn(diagnostics)
  }
  return async (modules) => {
    const sources = new Map(
      modules.flatMap((module) => (module.kind === 'source' ? [[module.out, module]] : [])),
    )
    await allOrFaults([...sources.values()].map(compile))
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

async function sourceDigest(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).sort()
  const hash = createHash('sha256')
  for (const name of names) hash.update(`${name}\n`).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}
