import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

import type { NatsConnection } from '@nats-io/transport-node'

import { isDigest } from '../modules/digest.ts'
import { JobicoError } from '../process/errors.ts'
import { openModuleStore } from '../modules/module-store.ts'

/**
 * Reads a module from a path, or by its digest from the module store, and checks that digest. Throws MODULE_INVALID if the
 * module is not there or was changed, and QUEUE_UNAVAILABLE.
 */
export async function readModule(
  connection: NatsConnection,
  namespace: string,
  source: string,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  if (!isDigest(source)) return { name: basename(source), bytes: await readModuleFile(source) }
  const store = await openModuleStore(connection, namespace)
  const bytes = await store.read(source)
  if (bytes === undefined)
    throw new JobicoError('MODULE_INVALID', `${source} is not in the module store of ${namespace}`)
  return { name: source, bytes }
}

async function readModuleFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new JobicoError('MODULE_INVALID', `the module ${path} can not be read`, { cause })
  }
}
