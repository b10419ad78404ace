import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

import { Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'

import { digestOf } from '../shared/digest.ts'
import { JobicoError } from '../shared/errors.ts'

const DIGEST = /^sha256-[0-9a-f]{64}$/

/** The bucket of the JetStream object store that holds a namespace's modules. */
export function moduleBucket(namespace: string): string {
  return `jobico-modules-${namespace}`
}

/**
 * Reads a module from a path, or by its digest from the module store, where its bytes are held against the digest.
 * Throws MODULE_INVALID when it is not there or was changed.
 */
export async function readModule(
  connection: NatsConnection,
  namespace: string,
  source: string,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  if (!DIGEST.test(source)) return { name: basename(source), bytes: await readModuleFile(source) }
  const store = await new Objm(connection).open(moduleBucket(namespace))
  const bytes = await store.getBlob(source)
  if (bytes === null)
    throw new JobicoError('MODULE_INVALID', `${source} is not in the module store of ${namespace}`)
  if (digestOf(bytes) !== source)
    throw new JobicoError('MODULE_INVALID', `${source} in the module store was changed`)
  return { name: source, bytes }
}

async function readModuleFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new JobicoError('MODULE_INVALID', `the module ${path} can not be read`, { cause })
  }
}
