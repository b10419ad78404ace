import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

import type { Job } from '../../crds/job.ts'
import { messageOf } from '../../functions/shared/errors.ts'
import type { StoredModule } from '../../functions/shared/module-store.ts'
import { print, type Format } from './output.ts'
import { tableLines } from './table.ts'
import type { ClusterTarget } from './target/cluster.ts'
import { atPlatform, type ClusterOptions } from './target/target.ts'

/** The options of `jobico push`. */
export interface PushOptions extends ClusterOptions {
  readonly output: Format
}

/** An event that runs a module. */
interface Use {
  readonly job: string
  readonly event: string
  readonly memory: string
}

interface Pushed extends StoredModule {
  readonly usedBy: readonly Use[]
}

const DEFAULT_MEMORY = '64Mi'

/** Checks modules and puts them into the module store of the namespace. Throws an Error before anything is put when one is bad. */
export async function push(files: readonly string[], { output, ...where }: PushOptions): Promise<void> {
  const pushed = await atPlatform(where, async (platform) => {
    if (platform.kind === 'dev')
      throw new Error(
        `${platform.place} takes a module over when its file is saved, so nothing needs to be pushed there; name a cluster with -n or --context to push into it`,
      )
    return await pushInto(platform, files)
  })
  if (output === 'json') print(JSON.stringify(pushed.map(forPrograms)))
  else tableLines([['MODULE', 'DIGEST', 'BYTES', 'USED BY'], ...pushed.map(row)]).forEach(print)
}

async function pushInto(cluster: ClusterTarget, files: readonly string[]): Promise<readonly Pushed[]> {
  const { clusterModules, shadowWarning } = await import('./modules.ts')
  const { namespace } = cluster
  const jobs = await cluster.jobs()
  const modules = await Promise.all([...new Set(files)].map((file) => checkedModule(file, jobs)))
  const twice = modules.find(({ name }, index) => modules.findIndex((each) => each.name === name) < index)
  if (twice !== undefined)
    throw new Error(
      `two of the files are named ${twice.name}, which is the name of one module; push one of them`,
    )
  const target = clusterModules(cluster)
  const pushed: Pushed[] = []
  for (const { name, bytes, usedBy } of modules) {
    pushed.push({ ...(await target.push(namespace, name, bytes)), usedBy })
    const shadows = await target.shadows(namespace, name)
    if (shadows.length > 0) process.stderr.write(`${shadowWarning(name, shadows)}\n`)
  }
  return pushed
}

/** A module that each event that uses it can run, or any event would by default. */
async function checkedModule(file: string, jobs: readonly Job[]) {
  const { checkModule } = await import('../../functions/guests/check.ts')
  const { parseQuantity } = await import('../../crds/quantity.ts')
  const name = basename(file)
  const bytes = await contentOf(file)
  const usedBy = usesOf(name, jobs)
  const memories = usedBy.length === 0 ? [DEFAULT_MEMORY] : usedBy.map(({ memory }) => memory)
  const memoryBytes = Math.min(...memories.map(parseQuantity))
  checkModule(bytes, { name: file, memoryBytes })
  return { name, bytes, usedBy }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new Error(`${file} can not be read (${messageOf(cause)}); name the file of a module`, { cause })
  }
}

/** The events that run the module of a name. Pure. */
export function usesOf(name: string, jobs: readonly Job[]): readonly Use[] {
  return jobs.flatMap(({ metadata, spec }) =>
    spec.events
      .filter(({ wasm }) => wasm === name)
      .map((event) => ({ job: metadata.name, event: event.name, memory: event.memory })),
  )
}

function row({ name, digest, size, usedBy }: Pushed): string[] {
  const uses = usedBy.map(({ job, event }) => `${job}/${event}`).join(', ')
  return [name, digest, String(size), uses || 'no Job']
}

function forPrograms({ name, digest, size, usedBy }: Pushed) {
  return { name, digest, size, usedBy: usedBy.map(({ job, event }) => ({ job, event })) }
}
