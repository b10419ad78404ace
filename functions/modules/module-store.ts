import { StorageType, jetstream, type JetStreamManager } from '@nats-io/jetstream'
import { Objm, type ObjectInfo, type ObjectStore } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'

import { digestOf, isDigest } from './digest.ts'
import { JobicoError } from '../process/errors.ts'
import { answerIfThere, answerTo, JETSTREAM_OPTIONS, manage, subjectsIn } from '../jetstream/manager.ts'
import { assertModuleName } from './module-name.ts'
import { chunkSubject, metaSubject, uploadObject, type Bucket, type StoredObject } from './object-upload.ts'
import { explainNoRoom, explainRefusal } from '../jetstream/refusal.ts'

/** A module as the store knows it, without its bytes. */
export interface StoredModule {
  /** The file name under which it was pushed, or its digest. */
  readonly name: string
  /** `sha256-<hex>` of its bytes. */
  readonly digest: string
  readonly size: number
  /** When it was put, RFC 3339. */
  readonly modified: string
  /** Changes with every put. */
  readonly version: string
  /** Since when nothing has pointed to it, RFC 3339, as told to `markUnused`. */
  readonly unusedSince: string | undefined
}

/** A module that was put. */
export interface PutModule extends StoredModule {
  /** False where the store had it already, so that its bytes were not sent. */
  readonly sent: boolean
}

/** The modules of one namespace. A store that was never made is an empty one. All throw QUEUE_UNAVAILABLE. */
export interface ModuleStore {
  /** What is known of a module by its name; undefined when it is not there. Does not move its bytes. */
  find(name: string): Promise<StoredModule | undefined>
  /** The bytes of a module, held against its digest; undefined when it is not there. Throws MODULE_INVALID when it was changed. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /**
   * Stores a module by the name of its file, or by its digest as `sha256-<hex>`. One that is there and whole is not
   * sent again; what was there under the name stays until the new one is whole. `onSent` is told how many bytes are stored.
   * Throws MODULE_INVALID for a name that no Job can have or a digest that is not that of the bytes, and STREAM_REFUSED
   * when there is no room, with figures, or the store was never made.
   */
  put(name: string, bytes: Uint8Array, onSent?: (bytes: number) => void): Promise<PutModule>
  /** Every module, by name. */
  list(): Promise<readonly StoredModule[]>
  /** Removes a module; one that is gone already is no fault. */
  remove(name: string): Promise<void>
  /** Removes what broken-off puts left, and nothing that came at `since` or later, so that those under way go on. */
  removeLeftovers(since: Date): Promise<void>
  /** Notes since when nothing has pointed to a module, RFC 3339, or undefined when something does. */
  markUnused(name: string, since: string | undefined): Promise<void>
}

/** How to open a store. */
export interface ModuleStoreOptions {
  /**
   * Makes the store where it is missing. With `replicas` it is brought to so many; without, it is made with one and
   * otherwise left as found.
   */
  readonly create?: { readonly replicas?: number }
}

const DIGEST_PREFIX = 'SHA-256='
const HASH_PREFIX = 'sha256-'
const UNUSED_SINCE = 'unused-since'
/** How often a module is looked at again that was put anew while it was read. */
const READ_TRIES = 5
/** What says to be larger is no object of ours: a module has a sixteenth of it at most. */
const MOST_BYTES = 2 ** 30

/** The bucket of the JetStream object store that holds a namespace's modules. */
export function moduleBucket(namespace: string): string {
  return `jobico-modules-${namespace}`
}

/** Opens the module store of a namespace. Throws STREAM_REFUSED when it can not be made, and QUEUE_UNAVAILABLE. */
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
  const isWhole = async (info: ObjectInfo): Promise<boolean> => {
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
        const bytes = await readChunks(manager, stream, info)
        if (bytes !== undefined && isRight(bytes, moduleOf(info))) return bytes
        if ((await infoOf(name))?.nuid === info.nuid) throw changed(bucket, name)
        if (tries === READ_TRIES)
          throw new JobicoError('QUEUE_UNAVAILABLE', `${name} is put anew all the time`)
      }
    },
    async put(name, bytes, onSent) {
      const digest = digestOf(bytes)
      assertModuleName(name, digest)
      const existing = await infoOf(name)
      if (existing !== undefined && moduleOf(existing).digest === digest && (await isWhole(existing)))
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
      const subjects = (await subjectsIn(manager, stream, filter))?.keys() ?? [] // before those that are used
      const used = new Set((await infos()).map(chunkSubject))
      for (const subject of [...subjects].filter((each) => !used.has(each))) {
        const last = await answerIfThere(manager.streams.getMessage(stream, { last_by_subj: subject }))
        if (last && last.time < since) await answerIfThere(manager.streams.purge(stream, { filter: subject }))
      }
    },
    async remove(name) {
      if ((await infoOf(name)) === undefined) return
      await answerIfThere(objects.delete(name))
      // A mark is left in its place, which would stay for ever; a push that came in between has a later one.
      const mark = await answerIfThere(objects.info(name))
      if (mark?.deleted)
        await answerIfThere(
          manager.streams.purge(stream, { filter: metaSubject(bucket, name), seq: mark.revision + 1 }),
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

function isRight(bytes: Uint8Array, { name, digest }: StoredModule): boolean {
  const found = digestOf(bytes)
  return found === digest && (!isDigest(name) || found === name)
}

function changed(bucket: string, name: string): JobicoError {
  return new JobicoError('MODULE_INVALID', `${name} in the module store ${bucket} was changed; push it again`)
}

/**
 * The bytes of an object, chunk by chunk; undefined when they are not all there, or not as many as it says. A reader of
 * the client's would wait for ever.
 */
async function readChunks(
  manager: JetStreamManager,
  stream: string,
  info: ObjectInfo,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (info.size > MOST_BYTES) return undefined
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
