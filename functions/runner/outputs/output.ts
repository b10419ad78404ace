import { readFile } from 'node:fs/promises'

import { decodeUtf8, parseJson } from '../../cloudevents/json.ts'
import type { Validate } from '../../../schemas/validator.ts'
import { neverSinks, type NeverSinks } from '../../process/never-sinks.ts'
import type { EventRef } from '../../queues/names.ts'
import type { OutputConfig, RunnerConfig } from '../config.ts'

/** Another event of the Job, which takes data that matches its schema. */
export interface NextEvent {
  readonly ref: EventRef
  /** Gives the validation of its data; compiles the schema when it is called first. */
  readonly validation: () => Promise<Validate>
}

/** Where results go, in addition to their verdict, ready for use. */
export type Output =
  | (NextEvent & { readonly kind: 'event' })
  | { readonly kind: 'sink'; readonly uri: string; readonly never: NeverSinks }

/** Opens an output: reads and compiles the schema of the event it goes to. Throws SCHEMA_INVALID. */
export async function openOutput(ref: EventRef, config: OutputConfig): Promise<Output> {
  if ('sink' in config) return { kind: 'sink', uri: config.sink, never: neverSinks(config) }
  const next = await openEvent(ref, config.event, config.schema)
  await next.validation()
  return { kind: 'event', ...next }
}

/**
 * Opens the events to which a module may emit, by name; undefined for one without a schema yet. Their schemas are compiled
 * when they are needed: every program for WASI may emit, most do not, and to few of the events.
 */
export async function openEmits(
  ref: EventRef,
  schemas: RunnerConfig['emits'],
): Promise<ReadonlyMap<string, NextEvent | undefined>> {
  const opened = Object.entries(schemas).map(
    async ([event, schema]) =>
      [event, schema === null ? undefined : await openEvent(ref, event, schema)] as const,
  )
  return new Map(await Promise.all(opened))
}

async function openEvent(ref: EventRef, event: string, path: string): Promise<NextEvent> {
  const text = await readFile(path, 'utf8')
  let compiled: Promise<Validate> | undefined
  return { ref: { ...ref, event }, validation: () => (compiled ??= compile(text)) }
}

async function compile(text: string): Promise<Validate> {
  const { compileSchemaInUse } = await import('../../../schemas/validator.ts') // most runners do not need it
  return compileSchemaInUse(parseJson(text))
}

/** Says why data does not match the schema of the next event; undefined if it does. `what` names the data. */
export async function outputFault(
  what: string,
  { ref, validation }: NextEvent,
  data: Uint8Array,
): Promise<string | undefined> {
  const validate = await validation()
  const [fault] = validate(parseJson(decodeUtf8(data)))
  return (
    fault &&
    `${what} does not match the schema of the event ${ref.event}: ${fault.pointer || '/'} ${fault.detail}`
  )
}
