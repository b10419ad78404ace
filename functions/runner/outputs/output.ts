import { readFile } from 'node:fs/promises'

import type { Validate } from '../../../schemas/validator.ts'
import type { EventRef } from '../../queues/names.ts'
import type { OutputConfig, RunnerConfig } from '../config.ts'

/** Another event of the Job, which takes data that matches its schema. */
export interface NextEvent {
  readonly ref: EventRef
  readonly validate: Validate
}

/** Where results go, in addition to their verdict, ready for use. */
export type Output =
  (NextEvent & { readonly kind: 'event' }) | { readonly kind: 'sink'; readonly uri: string }

/** Opens an output: reads and compiles the schema of the event it goes to. Throws SCHEMA_INVALID. */
export async function openOutput(ref: EventRef, config: OutputConfig): Promise<Output> {
  if ('sink' in config) return { kind: 'sink', uri: config.sink }
  return { kind: 'event', ...(await openEvent(ref, config.event, config.schema)) }
}

/** Opens the events to which a module may emit, by name; undefined for one without a schema yet. Throws SCHEMA_INVALID. */
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
  const { compileSchemaInUse } = await import('../../../schemas/validator.ts') // most runners do not need it
  const schema: unknown = JSON.parse(await readFile(path, 'utf8'))
  return { ref: { ...ref, event }, validate: compileSchemaInUse(schema) }
}

/** Says why data does not match the schema of the next event; undefined if it does. `what` names the data. */
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
