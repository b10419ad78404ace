import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

import { accountKey } from '../../functions/identity/keys.ts'
import { namespaceOfBucket } from '../../functions/modules/module-store.ts'
import { jobOfAnyStream } from '../../functions/queues/names.ts'
import type { ServerIdentities } from './start.ts'

/** The account of a server that lets everybody in. */
const GLOBAL = '$G'
const OBJECTS = 'OBJ_'

/**
 * Gives the streams that a server without identities has stored to the accounts of their namespaces. `folder` is the
 * server's `jetstream`; the server must not run, and must stand alone. Safe to break off and to repeat.
 */
export async function adoptStreams(
  folder: string,
  { keys, accountOf }: Pick<ServerIdentities, 'keys' | 'accountOf'>,
): Promise<void> {
  const streams = join(folder, GLOBAL, 'streams')
  for (const name of await listed(streams)) {
    const namespace = namespaceOfStream(name)
    if (namespace === undefined) continue
    const target = join(folder, accountKey(keys, accountOf(namespace)), 'streams')
    await mkdir(target, { recursive: true })
    await rename(join(streams, name), join(target, name))
  }
}

/** The namespace that a stream belongs to, by the stream's name; undefined if it is not Jobico's. Pure. */
export function namespaceOfStream(name: string): string | undefined {
  return name.startsWith(OBJECTS)
    ? namespaceOfBucket(name.slice(OBJECTS.length))
    : jobOfAnyStream(name)?.namespace
}

async function listed(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => [])
}
