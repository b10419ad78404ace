import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'

import { messageOf } from '../../functions/process/errors.ts'
import type { LocalEvent, LocalJob } from '../job-files/local-job.ts'

/** An event to try a Job with, and the file that says how it is to end. */
export interface Example {
  readonly job: LocalJob
  readonly event: LocalEvent
  readonly file: string
  readonly expectedFile: string
}

const EXPECTED = '.expected.json'

/**
 * The examples of Jobs, beside the file of each: `event.json` with `expected.json`, for its first event, and
 * `examples/<event>/<name>.json` with `<name>.expected.json`. Throws an Error where a folder in examples/ names no event.
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
        `${shown(join(examples, entry.name))} names no event of ${job.file}; its folders are to be named for the events that their examples go to: ${names.join(', ')}`,
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

/** The attributes and the data of an example's file: a structured CloudEvent, or data alone. */
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

/** The value of a file of JSON. Throws an Error that names the file. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new Error(`${shown(file)} can not be read as JSON: ${messageOf(cause)}`, { cause })
  }
}

/** A path as it is told to people: relative where it is below this folder. */
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
