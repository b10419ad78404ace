import { readdir, readlink, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { messageOf } from '../../functions/process/errors.ts'
import { closest } from '../../schemas/closest.ts'
import { readDocuments, type FileDocument } from './documents.ts'
import { JobFileError, type JobFileFault } from './fault.ts'
import type { LoadedJobs, LocalJob } from './local-job.ts'
import { readManifests, type Manifests } from './manifests.ts'
import { THIS_MACHINE, type Place } from './place.ts'
import { resolveJobs } from './resolve.ts'

const mostBytes = 16 * 2 ** 20

/**
 * Reads the Jobs of YAML files, with the ConfigMaps and Secrets that they refer to, which may be in any of the files. Checks
 * them as a cluster would. Throws one JobFileError with all faults.
 */
export async function loadJobs(paths: readonly string[]): Promise<LoadedJobs> {
  const { files, manifests } = await readJobFiles(paths, THIS_MACHINE)
  const { jobs, faults, schemaPaths } = await resolveJobs(manifests)
  throwFaults(faults, files)
  const read = [...files, ...schemaPaths].map((file) => resolve(file))
  return { jobs, watched: [...new Set([...read, ...watchedModules(jobs)])] }
}

/** Reads each file once, and checks its documents. Throws one JobFileError with all faults; having no Job is one. */
export async function readJobFiles(
  paths: readonly string[],
  place: Place,
): Promise<{ files: readonly string[]; manifests: Manifests }> {
  const files = [...new Map(paths.map((path) => [resolve(path), path])).values()]
  const read = await Promise.all(files.map(readJobFile))
  const manifests = readManifests(
    read.flatMap(({ documents }) => documents),
    place,
  )
  // Throws before references are resolved: a broken document would also be reported as missing.
  throwFaults([...read.flatMap(({ faults }) => faults), ...manifests.faults], files)
  if (manifests.jobs.length === 0) {
    const message = 'there is no Job here; add a document with kind: Job'
    throw new JobFileError([{ file: files.join(', '), message }])
  }
  return { files, manifests }
}

async function readJobFile(file: string): Promise<{ documents: FileDocument[]; faults: JobFileFault[] }> {
  const message = await unreadable(file)
  if (message !== undefined) return { documents: [], faults: [{ file, message }] }
  try {
    return readDocuments(file, await readFile(file, 'utf8'))
  } catch (thrown) {
    return { documents: [], faults: [{ file, message: `can not be read: ${messageOf(thrown)}` }] }
  }
}

async function unreadable(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return missingMessage(file)
  if (found.isDirectory()) {
    const inside = (await yamlFiles(file)).slice(0, 3).map((name) => join(file, name))
    return `is a folder; name the files in it, such as ${inside.join(' ') || join(file, 'job.yaml')}`
  }
  return found.size > mostBytes
    ? `has more than ${mostBytes / 2 ** 20} MiB; name a YAML file of a Job`
    : undefined
}

async function missingMessage(file: string): Promise<string> {
  const leadsTo = await readlink(file).catch(() => undefined)
  if (leadsTo !== undefined) return `is a link to ${leadsTo}, which is not there`
  const beside = (await yamlFiles(dirname(file))).map((name) => join(dirname(file), name))
  const meant = closest(file, beside) ?? beside[0]
  return `no such file; ${meant === undefined ? 'name the YAML file of a Job, such as job.yaml' : `did you mean ${meant}?`}`
}

async function yamlFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => /\.ya?ml$/.test(name)).sort()
}

/** If there are faults, throws a JobFileError with them, sorted by file and line. */
export function throwFaults(faults: readonly JobFileFault[], files: readonly string[]): void {
  if (faults.length === 0) return
  const place = ({ file, line }: JobFileFault) => files.indexOf(file) * 1e9 + (line ?? 0)
  throw new JobFileError(faults.toSorted((one, other) => place(one) - place(other)))
}

/** The module files, and the folders `assembly`, even missing ones: a source that appears there wins over a built module. */
function watchedModules(jobs: readonly LocalJob[]): string[] {
  return jobs.flatMap(({ file, events }) => [
    join(dirname(resolve(file)), 'assembly'),
    ...events.flatMap(({ module }) => (module.kind === 'file' ? [module.path] : [])),
  ])
}
