import { existsSync } from 'node:fs'

const DEFAULT_FILES = ['job.yaml', 'job.yml']

/** The files that a command was given, or else the job.yaml of this folder. Throws an Error if there is none. */
export function jobFiles(given: readonly string[], verb: string): readonly string[] {
  if (given.length > 0) return given
  const file = DEFAULT_FILES.find((name) => existsSync(name))
  if (file !== undefined) return [file]
  throw new Error(
    `there is no job.yaml in this folder; name the file of a Job, such as jobico ${verb} path/to/job.yaml, or make a project with jobico init NAME`,
  )
}
