import { StorageType, jetstream, type JetStreamManager } from '@nats-io/jetstream'
import { Objm, type ObjectInfo, type ObjectStore } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'

import { digestOf, isDigest } from './digest.ts'
import { JobicoError } from '../process/errors.ts'
import { answerIfThere, answerTo, JETSTREAM_OPTIONS, manage, subjectsIn } from '../jetstream/manager.ts'
import { assertModuleName } from './module-name.ts'
import { sizeFault } from './module-size.ts'
import { chunkSubject, metaSubject, uploadObject, type Bucket, type StoredObject } from './object-upload.ts'
import { explainNoRoom, explainRefusal } from '../jetstream/stream-refusal.ts'

/** A module in the store, without its bytes. */
export interface StoredModule {
  /** The file name under which it was pushed, or its digest. */
  readonly name: string
  /** `sha256-<hex>` of its bytes. */
  readonly digest: string
  readonly size: number
  /** When it was stored, RFC 3339. */
  readonly modified: string
  /** Changes each time the module is stored. */
  readonly version: string
  /** Since when nothing has used it, RFC 3339, as recorded by `markUnused`. */
  readonly unusedSince: string | undefined
}

/** A module after `put`. */
export interface PutModule extends StoredModule {
  /** False if the store had it already, so that its bytes were not sent. */
  readonly sent: boolean
}

/** The modules of one namespace. A store that does not exist reads as empty. All methods throw QUEUE_UNAVAILABLE. */
export interface ModuleStore {
  /** Finds a module by its name, without reading its bytes; undefined if it is not there. */
  find(name: string): Promise<StoredModule | undefined>
  /**
   * Reads a module and checks its digest; undefined if it is not there. Throws MODULE_INVALID if its bytes were changed, and
   * without reading them if there are more than a module may have.
   */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /**
   * Stores a module under the name of its file, or under its digest as `sha256-<hex>`. If the same bytes are there
   * completely, they are not sent again. The old module of that name stays until the new one is complete. `onSent` is called
   * with the number of bytes stored so far. Throws MODULE_INVALID for a name that no Job can use or a digest of other bytes,
   * and STREAM_REFUSED if there is no room, with figures, or if the store does not exist.
   */
  put(name: string, bytes: Uint8Array, onSent?: (bytes: number) => void): Promise<PutModule>
  /** Every module, by name. */
  list(): Promise<readonly StoredModule[]>
  /** Removes a module, if it is there. */
  remove(name: string): Promise<void>
  /**
   * Removes what interrupted puts have left. It keeps what was stored at `since` or later, which may belong to a running
   * put.
   */
  removeLeftovers(since: Date): Promise<void>
  /** Records since when nothing has used a module, RFC 3339; undefined if something does. */
  markUnused(name: string, since: string | undefined): Promise<void>
}

/** How to open a store. */
export interface ModuleStoreOptions {
  /**
   * Creates the store if it is missing. With `replicas`, the store gets that many, also if it exists. Without, a new store
   * gets one, and an existing one is not changed.
   */
  readonly create?: { readonly replicas?: number }
}

const DIGEST_PREFIX = 'SHA-256='
const HASH_PREFIX = 'sha256-'
const UNUSED_SINCE = 'unused-since'
/** How often a module is read again because it was replaced during the read. */
const READ_TRIES = 5
/** A module is stored in chunks of 128 KiB; of one in chunks smaller than this, reading would take too many requests. */
const LEAST_CHUNK_BYTES = 1024

/** The bucket of the JetStream object store that holds a namespace's modules. */
export function moduleBucket(namespace: string): string {
  return `jobico-modules-${namespace}`
}

/** The namespace whose modules a bucket holds; undefined for any other bucket. Pure. */
export function namespaceOfBucket(bucket: string): string | undefined {
  const prefix = moduleBucket('')
  return bucket.startsWith(prefix) ? bucket.slice(prefix.length) : undefined
}

/** Opens the module store of a namespace. Throws STREAM_REFUSED if it can not be created, and QUEUE_UNAVAILABLE. */
export async function openModuleStore(
  connection: NatsConnection,
  namespace: string,
  { create }: ModuleStoreOptions = {},
): Promise<ModuleStore> {
  const name = moduleBucket(namespace)
  const manager = await manage(connection)
  const client = jetstream(connection, JETSTREAM_OPTIONS)
  const buckets = new Objm(client)
  if (create !== undefined) await ensureBucket(manager, buckets, name, create.replicas)
  return storeOf({ name, stream: streamOf(name), client, manager }, await buckets.open(name, false))
}

async function ensureBucket(
  manager: JetStreamManager,
  buckets: Objm,
  bucket: string,
  replicas: number | undefined,
): Promise<void> {
  const stream = streamOf(bucket)
  const existing = await answerIfThere(manager.streams.info(stream))
  if (existing !== undefined && [undefined, existing.config.num_replicas].includes(replicas)) return
  const wanted = { name: stream, storage: StorageType.File, num_replicas: replicas ?? 1 }
  const step =
    existing === undefined
      ? buckets.create(bucket, { storage: StorageType.File, replicas: replicas ?? 1 })
      : manager.streams.update(stream, { num_replicas: wanted.num_replicas })
  try {
    await answerTo<unknown>(step)
  } catch (fault) {
    throw await explainRefusal(fault, manager, wanted)
  }
}

function storeOf(store: Bucket, objects: ObjectStore): ModuleStore {
  const { manager, stream, name: bucket } = store

  const infoOf = async (name: string): Promise<ObjectInfo | undefined> => {
    const info = await answerIfThere(objects.info(name))
    return info === undefined || info === null || info.deleted ? undefined : info
  }
  const isComplete = async (info: ObjectInfo): Promise<boolean> => {
    const subject = chunkSubject(info)
    return ((await subjectsIn(manager, stream, subject))?.get(subject) ?? 0) === info.chunks
  }
  const find = async (name: string) => {
    const info = await infoOf(name)
    return info && moduleOf(info)
  }
  const infos = async (): Promise<readonly ObjectInfo[]> => {
    const filter = `$O.${bucket}.M.>`
    const subjects = (await subjectsIn(manager, stream, filter))?.keys() ?? []
    const names = Array.from(subjects, (subject) =>
      Buffer.from(subject.slice(filter.length - 1), 'base64url').toString(),
    )
    const found = await Promise.all(names.sort().map(infoOf))
    return found.filter((info) => info !== undefined)
  }

  return {
    find,
    async read(name) {
      for (let tries = 1; ; tries++) {
        const info = await infoOf(name)
        if (info === undefined) return undefined
        const fault = sizeFault(name, info.size)
        if (fault !== undefined) throw new JobicoError('MODULE_INVALID', fault)
        const bytes = await readChunks(manager, stream, info)
        if (bytes !== undefined && hasDigest(bytes, moduleOf(info))) return bytes
        if ((await infoOf(name))?.nuid === info.nuid) throw changed(bucket, name)
        if (tries === READ_TRIES)
          throw new JobicoError('QUEUE_UNAVAILABLE', `${name} was replaced each time it was read`)
      }
    },
    async put(name, bytes, onSent) {
      const digest = digestOf(bytes)
      assertModuleName(name, digest)
      const existing = await infoOf(name)
      if (existing !== undefined && moduleOf(existing).digest === digest && (await isComplete(existing)))
        return { ...moduleOf(existing), sent: false }
      const content = { name, bytes, digest: objectDigest(digest) }
      try {
        return { ...moduleOf(await uploadObject(store, content, onSent)), sent: true }
      } catch (fault) {
        throw await explainNoRoom(fault, manager, {
          what: `the module ${name}`,
          bytes: bytes.length,
        })
      }
    },
    list: async () => (await infos()).map(moduleOf),
    async removeLeftovers(since) {
      const filter = chunkSubject({ bucket, nuid: '*' })
      // Chunks are listed before objects, so that those of an object stored in between are not taken for leftovers.
      const subjects = (await subjectsIn(manager, stream, filter))?.keys() ?? []
      const used = new Set((await infos()).map(chunkSubject))
      for (const subject of [...subjects].filter((each) => !used.has(each))) {
        const last = await answerIfThere(manager.streams.getMessage(stream, { last_by_subj: subject }))
        if (last && last.time < since) await answerIfThere(manager.streams.purge(stream, { filter: subject }))
      }
    },
    async remove(name) {
      if ((await infoOf(name)) === undefined) return
      await answerIfThere(objects.delete(name))
      // The client leaves a deletion marker, which would stay for ever. A push in the meantime has a later revision.
      const marker = await answerIfThere(objects.info(name))
      if (marker?.deleted)
        await answerIfThere(
          manager.streams.purge(stream, { filter: metaSubject(bucket, name), seq: marker.revision + 1 }),
        )
    },
    async markUnused(name, since) {
      const module = await find(name)
      if (module === undefined || module.unusedSince === since) return
      const metadata: Record<string, string> = since === undefined ? {} : { [UNUSED_SINCE]: since }
      await answerTo(objects.update(name, { metadata }))
    },
  }
}

function streamOf(bucket: string): string {
  return `OBJ_${bucket}`
}

function moduleOf({ name, digest, size, mtime, nuid, metadata }: StoredObject): StoredModule {
  const hash = Buffer.from(digest.slice(DIGEST_PREFIX.length), 'base64url').toString('hex')
  return {
    name,
    digest: `${HASH_PREFIX}${hash}`,
    size,
    modified: mtime,
    version: nuid,
    unusedSince: metadata?.[UNUSED_SINCE],
  }
}

/** A digest as the object store writes it. */
function objectDigest(digest: string): string {
  const hash = Buffer.from(digest.slice(HASH_PREFIX.length), 'hex').toString('base64')
  return `${DIGEST_PREFIX}${hash.replaceAll('+', '-').replaceAll('/', '_')}`
}

function hasDigest(bytes: Uint8Array, { name, digest }: StoredModule): boolean {
  const found = digestOf(bytes)
  return found === digest && (!isDigest(name) || found === name)
}

function changed(bucket: string, name: string): JobicoError {
  return new JobicoError('MODULE_INVALID', `${name} in the module store ${bucket} was changed; push it again`)
}

/**
 * Reads the bytes of an object chunk by chunk; undefined if chunks are missing, or their size is not the one it claims. The
 * client's own reader would wait for ever for missing chunks.
 */
async function readChunks(
  manager: JetStreamManager,
  stream: string,
  info: ObjectInfo,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (info.chunks > info.size / LEAST_CHUNK_BYTES + 1) return undefined
  const bytes = new Uint8Array(info.size)
  let [filled, seq] = [0, 1]
  for (let chunks = 0; chunks < info.chunks; chunks += 1) {
    // The client's types leave next_by_subj out.
    const query: { readonly seq: number; readonly next_by_subj: string } = {
      seq,
      next_by_subj: chunkSubject(info),
    }
    const chunk = await answerTo(manager.streams.getMessage(stream, query))
    if (chunk === null || chunk.data.length > bytes.length - filled) return undefined
    bytes.set(chunk.data, filled)
    filled += chunk.data.length
    seq = chunk.seq + 1
  }
  return filled === bytes.length ? bytes : undefined
}
