import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { printableJson } from '../output/printable.ts'
import { compiledSchema } from '../../job-files/compiled-schemas.ts'
import type { LocalEvent } from '../../job-files/local-job.ts'
import { sampleOf } from './sample.ts'

/** Data to try an event with. */
export interface Example {
  readonly data: unknown
  /** Whether the event's schema accepts it. */
  readonly valid: boolean
}

/**
 * Example data for an event: that of `event.json` beside the Job file if the schema accepts it, else made from the schema.
 */
export async function exampleOf(jobFile: string, schema: LocalEvent['schema']): Promise<Example> {
  const accepts = acceptor(schema)
  const own = await eventData(join(dirname(jobFile), 'event.json'))
  if (own !== undefined && accepts(own)) return { data: own, valid: true }
  const data = sampleOf(schema.json)
  return { data, valid: accepts(data) }
}

function acceptor(schema: LocalEvent['schema']): (data: unknown) => boolean {
  const validate = compiledSchema(schema)
  return (data) => validate(data).length === 0
}

/** The data of an event file, which is a structured CloudEvent or data alone; undefined if there is none. */
async function eventData(file: string): Promise<unknown> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    const isEvent = typeof value === 'object' && value !== null && 'specversion' in value
    return isEvent ? (value as { data?: unknown }).data : value
  } catch {
    return undefined
  }
}

/**
 * A curl line that sends data to an event, ready to paste. `tokens` is a command that prints the bearer tokens, one a line.
 */
export function curlLine(url: string, data: unknown, tokens?: string): string {
  const auth = tokens === undefined ? '' : ` -H "authorization: Bearer $(${tokens} | head -n 1)"`
  const body = quoted(printableJson(JSON.stringify({ data: [data] })))
  return `curl -H 'content-type: application/json'${auth} -d ${body} ${url}`
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
