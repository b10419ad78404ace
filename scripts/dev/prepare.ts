import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

import { checkModule } from '../../functions/guests/check.ts'
import { JobicoError, messageOf } from '../../functions/shared/errors.ts'
import type { LocalEvent, LocalJob, LocalModule } from '../job-files/local-job.ts'
import type { Compiler } from './compiler.ts'
import type { PreparedEvent, PreparedJob } from './desired.ts'

/** Makes Jobs ready to run; throws one MODULE_INVALID with every fault of their modules, one a line. */
export type Prepare = (jobs: readonly LocalJob[]) => Promise<readonly PreparedJob[]>

/**
 * Compiles, reads and checks the modules of Jobs. What was compiled is compiled again only when a source changed;
 * `warn` is given the compiler's warnings.
 */
export function createPrepare(compiler: Pick<Compiler, 'compile'>, warn: (text: string) => void): Prepare {
  const compiled = new Map<string, string>()

  const compile = async (module: Extract<LocalModule, { kind: 'source' }>) => {
    const digest = await sourceDigest(dirname(module.entry))
    if (compiled.get(module.out) === digest && existsSync(module.out)) return
    const diagnostics = await compiler.compile(module)
    compiled.set(module.out, digest)
    if (diagnostics !== '') warn(diagnostics)
  }
  const compileAll = async (jobs: readonly LocalJob[]) => {
    const sources = new Map(
      jobs
        .flatMap(({ events }) => events.map(({ module }) => module))
        .flatMap((module) => (module.kind === 'source' ? [[module.out, module]] : [])),
    )
    await allOrFaults([...sources.values()].map(compile))
  }
  return async (jobs) => {
    await compileAll(jobs)
    return await allOrFaults(
      jobs.map(async (job) => ({
        ...job,
        events: await allOrFaults(job.events.map((event) => readChecked(job, event))),
      })),
    )
  }
}

async function readChecked(job: LocalJob, event: LocalEvent): Promise<PreparedEvent> {
  const { module, memoryBytes } = event
  const path = module.kind === 'file' ? module.path : module.out
  try {
    const moduleBytes = await readFile(path)
    checkModule(moduleBytes, { name: shownPath(path), memoryBytes })
    return { ...event, moduleBytes }
  } catch (cause) {
    throw new JobicoError('MODULE_INVALID', `${job.file}: event ${event.name}: ${messageOf(cause)}`, {
      cause,
    })
  }
}

function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}

/** All answers, or one error with the message of each that failed. */
async function allOrFaults<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
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
