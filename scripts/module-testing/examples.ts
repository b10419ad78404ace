import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'

import { messageOf } from '../../functions/process/errors.ts'
import type { LocalEvent, LocalJob } from '../job-files/local-job.ts'

/** A file with an example event, and the file with its expected outcome. */
export interface Example {
  readonly job: LocalJob
  readonly event: LocalEvent
  readonly file: string
  readonly expectedFile: string
}

const EXPECTED = '.expected.json'

/**
 * Finds the examples of Jobs, beside the file of each: `event.json` with `expected.json` for its first event, and
 * `examples/<event>/<name>.json` with `<name>.expected.json`. Throws an Error if a folder in examples/ is not named for an
 * event.
 */
export async function examplesOf(jobs: readonly LocalJob[]): Promise<readonly Example[]> {
  return (await Promise.all(jobs.map((job) => examplesOfJob(job, jobs)))).flat()
}

async function examplesOfJob(job: LocalJob, jobs: readonly LocalJob[]): Promise<Example[]> {
  const folder = dirname(resolve(job.file))
  const examples = join(folder, 'examples')
  const known = jobs.filter(({ file }) => dirname(resolve(file)) === folder).flatMap(({ events }) => events)
  const names = known.map(({ name }) => name)
  for (const entry of await entries(examples))
    if (entry.isDirectory() && !names.includes(entry.name))
      throw new Error(
        `${shown(join(examples, entry.name))} names no event of ${job.file}; name the folder for the event of its examples, one of ${names.join(', ')}`,
      )
  const ofEvents = await Promise.all(
    job.events.map(async (event) => {
      const files = (await entries(join(examples, event.name))).map(({ name }) =>
        join(examples, event.name, name),
      )
      return files
        .filter(isExample)
        .map((file) => exampleAt(job, event, file, file.replace(/\.json$/, EXPECTED)))
    }),
  )
  const [first] = job.events
  const own = (await entries(folder)).some(({ name }) => name === 'event.json') && first !== undefined
  const single = own ? [exampleAt(job, first, join(folder, 'event.json'), join(folder, 'expected.json'))] : []
  return [...single, ...ofEvents.flat()]
}

/** The attributes and data of an example file, which is a structured CloudEvent or data alone. */
export async function readExample(
  file: string,
): Promise<{ attributes: Record<string, string>; data: unknown }> {
  const value = await readJson(file)
  if (typeof value !== 'object' || value === null || !('specversion' in value))
    return { attributes: {}, data: value }
  const { data, ...attributes } = value as Record<string, unknown>
  const texts = Object.entries(attributes).map(([name, each]) => [name, String(each)] as const)
  return { attributes: Object.fromEntries(texts), data }
}

/** Reads a JSON file. Throws an Error that names the file. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new Error(`${shown(file)} can not be read as JSON: ${messageOf(cause)}`, { cause })
  }
}

/** A path for people: relative if it is below the current folder. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}

function exampleAt(job: LocalJob, event: LocalEvent, file: string, expectedFile: string): Example {
  return { job, event, file, expectedFile }
}

function isExample(file: string): boolean {
  return file.endsWith('.json') && !file.endsWith(EXPECTED)
}

async function entries(folder: string) {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return found.sort((one, other) => (one.name < other.name ? -1 : 1))
}
