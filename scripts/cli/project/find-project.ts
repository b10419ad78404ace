import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { isOwn } from '../../user-cache.ts'
import { tell } from '../terminal/output.ts'

const DEFAULT_FILES = ['job.yaml', 'job.yml']

/** The Job files of a command, as paths from the current folder, and the folder of their project, an absolute path. */
export interface ProjectFiles {
  readonly folder: string
  readonly files: readonly string[]
}

/**
 * The files that a command was given, with the current folder; or else the job.yaml of this folder or of the nearest one above
 * it, which is then named on standard error. Throws an Error if there is none, or one above it that is of another user.
 */
export function findProject(given: readonly string[], verb: string): ProjectFiles {
  const here = process.cwd()
  if (given.length > 0) return { folder: here, files: given }
  const file = nearestJobFile(here)
  if (file === undefined)
    throw new Error(
      `there is no job.yaml in this folder or above it; name the file of a Job, such as jobico ${verb} path/to/job.yaml, or make a project with jobico init NAME`,
    )
  const folder = dirname(file)
  if (folder !== here) {
    if (!isTrusted(file))
      throw new Error(
        `the nearest job.yaml is ${file}, which belongs to another user; if you trust it, name it: jobico ${verb} ${relative(here, file)}`,
      )
    tell(`using the project in ${folder}`)
  }
  return { folder, files: [relative(here, file)] }
}

/** Whoever can write to a folder above, such as /tmp, could put a project there. The system's administrator could anyway. */
function isTrusted(file: string): boolean {
  return [file, dirname(file)].map((path) => statSync(path)).every((found) => isOwn(found) || found.uid === 0)
}

function nearestJobFile(folder: string): string | undefined {
  const file = DEFAULT_FILES.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (file !== undefined) return file
  const above = dirname(folder)
  return above === folder ? undefined : nearestJobFile(above)
}
