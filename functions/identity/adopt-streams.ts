import { access, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

import { namespaceOfBucket } from '../modules/module-store.ts'
import { JobicoError } from '../process/errors.ts'
import { jobOfAnyStream } from '../queues/names.ts'
import type { AccountName } from './issue.ts'
import { accountKey, type InstallationKeys } from './keys.ts'

/** Which account gets what a server has stored without identities. */
export interface Adoption {
  readonly keys: Pick<InstallationKeys, 'id'>
  readonly accountOf: (namespace: string) => AccountName
}

/** The account of a server that lets everybody in. */
const GLOBAL = '$G'
const OBJECTS = 'OBJ_'
/** Where servers of a cluster without identities keep which of them has which streams. */
const CLUSTER_LOG = join('$SYS', '_js_', '_meta_')

/**
 * Gives the streams that a server without identities has stored to the accounts of their namespaces, and tells how many. `folder`
 * is the server's `jetstream`; the server must not run. Safe to break off and to repeat. Throws CONFIG_INVALID, and moves
 * nothing, if the server was one of a cluster: then the servers' common log has the account of each stream as well.
 */
export async function adoptStreams(folder: string, { keys, accountOf }: Adoption): Promise<number> {
  if (await isThere(join(folder, CLUSTER_LOG)))
    throw new JobicoError(
      'CONFIG_INVALID',
      `${folder} belongs to a cluster of NATS servers without identities, whose streams can not be moved one server at a time; nothing was changed: the other servers go on as before; move the streams with jobico backup and jobico restore, as "From an installation without identities" in docs/operating.md says`,
    )
  const streams = join(folder, GLOBAL, 'streams')
  let moved = 0
  for (const name of await listed(streams)) {
    const namespace = namespaceOfStream(name)
    if (namespace === undefined) continue
    const target = join(folder, accountKey(keys, accountOf(namespace)), 'streams')
    await mkdir(target, { recursive: true })
    await rename(join(streams, name), join(target, name))
    moved++
  }
  return moved
}

/** The namespace that a stream belongs to, by the stream's name; undefined if it is not Jobico's. Pure. */
function namespaceOfStream(name: string): string | undefined {
  return name.startsWith(OBJECTS)
    ? namespaceOfBucket(name.slice(OBJECTS.length))
    : jobOfAnyStream(name)?.namespace
}

async function listed(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => [])
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
