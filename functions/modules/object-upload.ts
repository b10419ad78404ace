import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream'
import type { ObjectInfo } from '@nats-io/obj'
import { headers, nuid } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerIfThere, answerTo } from '../jetstream/manager.ts'

/** The bucket of an object store, and the clients that reach it. */
export interface Bucket {
  readonly name: string
  /** The stream that holds it. */
  readonly stream: string
  readonly client: JetStreamClient
  readonly manager: JetStreamManager
}

/** An object to be stored. */
export interface Content {
  readonly name: string
  readonly bytes: Uint8Array
  /** `SHA-256=` and the hash in base64url, padded. */
  readonly digest: string
}

/** The metadata of an object in a bucket. */
export type StoredObject = Pick<
  ObjectInfo,
  'name' | 'digest' | 'size' | 'chunks' | 'mtime' | 'nuid' | 'bucket' | 'metadata'
>

/** The chunk size of other clients of the object store, too. */
const CHUNK_BYTES = 128 * 1024
/**
 * 1 MiB in all. With more, the connection's pings would time out on a slow link; with less, a link with a delay of 100 ms
 * would carry less than 10 MB/s.
 */
const CHUNKS_IN_FLIGHT = 8
/** How long a chunk may take: the chunks in flight go first, which takes this long on a link of 70 kB/s. */
const CHUNK_MS = 15_000
/** How often writing the metadata is tried while others keep replacing the same object. */
const META_TRIES = 10
const WRONG_SEQUENCE: readonly number[] = [10071, 10164]

/** The subject of an object's chunks (ADR-20 of NATS). */
export function chunkSubject({ bucket, nuid }: Pick<StoredObject, 'bucket' | 'nuid'>): string {
  return `$O.${bucket}.C.${nuid}`
}

/** The subject of an object's metadata (ADR-20 of NATS). */
export function metaSubject(bucket: string, name: string): string {
  return `$O.${bucket}.M.${Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`
}

/**
 * Stores an object. An object of the same name stays complete until the new one is, and is then removed. The client's own
 * put waits for each chunk before it sends the next, which takes a minute for 64 MiB with a delay of 100 ms. `onSent` is
 * called with the number of bytes stored so far. Throws STREAM_REFUSED with the server's words, and QUEUE_UNAVAILABLE.
 */
export async function uploadObject(
  bucket: Bucket,
  content: Content,
  onSent: (bytes: number) => void = () => undefined,
): Promise<StoredObject> {
  await answerTo(bucket.manager.streams.info(bucket.stream)) // a missing stream would not answer a publish
  const id = { bucket: bucket.name, nuid: nuid.next() }
  const chunks = await sendChunks(bucket, chunkSubject(id), content.bytes, onSent)
  const object = {
    ...{ name: content.name, description: '', options: { max_chunk_size: CHUNK_BYTES }, metadata: {} },
    ...{ ...id, size: content.bytes.length, chunks, digest: content.digest, deleted: false },
    mtime: new Date().toISOString(),
  }
  await publishMeta(bucket, object)
  return object
}

/** Sends all chunks and gives their number. After a fault it removes the stored ones, as far as it can. */
async function sendChunks(
  { client, manager, stream }: Bucket,
  subject: string,
  bytes: Uint8Array,
  onSent: (bytes: number) => void,
): Promise<number> {
  const count = Math.ceil(bytes.length / CHUNK_BYTES)
  const inFlight: Promise<{ readonly seq: number }>[] = []
  const stored = { chunks: 0, seq: 0 }
  const awaitAck = async (oldest: Promise<{ readonly seq: number }> | undefined) => {
    if (oldest === undefined) return
    const { seq } = await answerTo(oldest)
    if (seq < stored.seq) throw outOfOrder()
    stored.seq = seq
    stored.chunks += 1
    onSent(Math.min(stored.chunks * CHUNK_BYTES, bytes.length))
  }
  try {
    for (let index = 0; index < count; index++) {
      if (inFlight.length === CHUNKS_IN_FLIGHT) await awaitAck(inFlight.shift())
      const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      const acked = client.publish(subject, chunk, { timeout: CHUNK_MS })
      void acked.catch(() => undefined) // awaitAck throws it
      inFlight.push(acked)
    }
    while (inFlight.length > 0) await awaitAck(inFlight.shift())
    return count
  } catch (fault) {
    await Promise.allSettled(inFlight) // else a late chunk would be stored after the purge
    await manager.streams.purge(stream, { filter: subject }).catch(() => undefined)
    throw fault
  }
}

/** Publishes the metadata that makes the name refer to the new chunks, then removes the chunks of the replaced object. */
async function publishMeta(bucket: Bucket, object: StoredObject): Promise<void> {
  const subject = metaSubject(bucket.name, object.name)
  for (let tries = 1; ; tries++) {
    const before = await answerIfThere(
      bucket.manager.streams.getMessage(bucket.stream, { last_by_subj: subject }),
    )
    try {
      await answerTo(replaceMeta(bucket, object, before?.seq ?? 0))
    } catch (fault) {
      const refusal = refusalOf(fault)
      if (isConflict(refusal) && tries < META_TRIES) continue
      // Without an answer the metadata may have been stored, and refer to these chunks.
      if (refusal !== undefined) await purgeChunks(bucket, object)
      throw fault
    }
    const replaced = before?.json<StoredObject>()
    if (replaced !== undefined) await purgeChunks(bucket, replaced)
    return
  }
}

/** Fails if the metadata's last sequence is not `sequence`: only the chunks of that object are removed afterwards. */
function replaceMeta(
  { client, name }: Bucket,
  object: StoredObject,
  sequence: number,
): Promise<{ readonly seq: number }> {
  const fields = headers()
  fields.set('Nats-Rollup', 'sub')
  fields.set('Nats-Expected-Last-Subject-Sequence', String(sequence))
  return client.publish(metaSubject(name, object.name), JSON.stringify(object), { headers: fields })
}

/** Removes chunks as far as it can; `removeLeftovers` removes the rest later. */
async function purgeChunks({ manager, stream }: Bucket, object: StoredObject): Promise<void> {
  await manager.streams.purge(stream, { filter: chunkSubject(object) }).catch(() => undefined)
}

function isConflict(refusal: number | undefined): boolean {
  return refusal !== undefined && WRONG_SEQUENCE.includes(refusal)
}

/** The code with which the server refused; undefined for any other fault. */
function refusalOf(fault: unknown): number | undefined {
  const cause = fault instanceof JobicoError ? fault.cause : undefined
  return cause instanceof JetStreamApiError ? cause.code : undefined
}

function outOfOrder(): JobicoError {
  return new JobicoError('QUEUE_UNAVAILABLE', 'NATS stored parts of the module out of order; push it again')
}
