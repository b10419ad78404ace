import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { LABELS } from '../../knative/resources/labels.ts'
import { caseConfig } from './config.ts'

/** The name of the ConfigMap with the schema that `event` refers to. */
export const SCHEMA = 'schema'
/** The name of the module's file that `event` refers to. */
export const MODULE = 'guest.wasm'

/** A Job. Its queue is small, because file storage is reserved in advance. */
export function job(name: string, events: readonly object[], queue: object = {}): object {
  return {
    apiVersion: 'jobico.coeux.dev/v1',
    kind: 'Job',
    metadata: { name },
    spec: { events, queue: { maxBytes: '8Mi', ...queue } },
  }
}

/** An event of a Job. Its runners have the shortest cooldown that is allowed. */
export function event(name: string, more: object = {}): object {
  return { name, wasm: MODULE, schema: { key: SCHEMA }, runner: { cooldownSeconds: 30 }, ...more }
}

/** A ConfigMap. */
export function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
}

/** A Secret. */
export function secret(name: string, stringData: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData }
}

/** The ConfigMap of a schema; by default the schema accepts any object. */
export function schema(content: object = { type: 'object' }, name = SCHEMA): object {
  return configMap(name, { [`${name}.json`]: JSON.stringify(content) })
}

/** A ConfigMap of modules by file name. Each is the name of a module that run.ts compiled, such as v1, or its bytes. */
export async function modules(
  files: Readonly<Record<string, string | Uint8Array>>,
  name = 'modules',
): Promise<object> {
  const contents = Object.entries(files).map(async ([file, content]) => {
    const bytes = typeof content === 'string' ? await readFile(moduleFile(content)) : content
    return [file, Buffer.from(bytes).toString('base64')]
  })
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { [LABELS.modules]: 'true' } },
    binaryData: Object.fromEntries(await Promise.all(contents)) as Record<string, string>,
  }
}

/** The path of a module that run.ts compiled. */
export function moduleFile(name: string): string {
  return join(caseConfig().modules, `${name}.wasm`)
}
