import { readFile } from 'node:fs/promises'

import type { Validate } from '../../../schemas/validator.ts'
import type { EventRef } from '../../queues/names.ts'
import type { OutputConfig, RunnerConfig } from '../config.ts'

/** Another event of the Job, which takes data that matches its schema. */
export interface NextEvent {
  readonly ref: EventRef
  readonly validate: Validate
}

/** Where results go beside their verdict, ready for use. */
export type Output =
  (NextEvent & { readonly kind: 'event' }) | { readonly kind: 'sink'; readonly uri: string }

/** Makes an output ready: reads and compiles the schema of the event it goes to. Throws SCHEMA_INVALID. */
export async function openOutput(ref: EventRef, config: OutputConfig): Promise<Output> {
  if ('sink' in config) return { kind: 'sink', uri: config.sink }
  return { kind: 'event', ...(await openEvent(ref, config.event, config.schema)) }
}

/** Makes ready the events into which a module may emit, by name; without a schema there is nothing yet. Throws SCHEMA_INVALID. */
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
  const { compileSchemaInUse } = await import('../../../schemas/validator.ts') // most runners start without
  const schema: unknown = JSON.parse(await readFile(path, 'utf8'))
  return { ref: { ...ref, event }, validate: compileSchemaInUse(schema) }
}

/** What is wrong with something, in words, as data of the next event; undefined when it is right. */
export function outputFault(
  what: string,
  { ref, validate }: NextEvent,
  data: Uint8Array,
): string | undefined {
  const [fault] = validate(JSON.parse(new TextDecoder().decode(data)))
  return (
    fault &&
    `${what} does not match the schema of the event ${ref.event}: ${fault.pointer || '/'} ${fault.detail}`
  )
}
