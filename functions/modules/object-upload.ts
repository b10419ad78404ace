import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream'
import type { ObjectInfo } from '@nats-io/obj'
import { headers, nuid } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { answerIfThere, answerTo } from '../jetstream/manager.ts'

/** The bucket of an object store, and the ways to it. */
export interface Bucket {
  readonly name: string
  /** The stream that holds it. */
  readonly stream: string
  readonly client: JetStreamClient
  readonly manager: JetStreamManager
}

/** What is to be stored. */
export interface Content {
  readonly name: string
  readonly bytes: Uint8Array
  /** `SHA-256=` and the hash in base64url, padded. */
  readonly digest: string
}

/** What a bucket knows of an object that is there. */
export type StoredObject = Pick<
  ObjectInfo,
  'name' | 'digest' | 'size' | 'chunks' | 'mtime' | 'nuid' | 'bucket' | 'metadata'
>

/** What other clients of the object store take, too. */
const CHUNK_BYTES = 128 * 1024
/**
 * So much may be under way, 1 MiB in all. More would take longer than the connection's pings may on a slow link; less, and a
 * link of 100 ms would carry less than 10 MB/s.
 */
const CHUNKS_IN_FLIGHT = 8
/** What is in flight has to get there first: on a link of 70 kB/s that takes as long. */
const CHUNK_MS = 15_000
/** How often an object is pointed to when others keep putting it, too. */
const POINT_TRIES = 10
const WRONG_SEQUENCE: readonly number[] = [10071, 10164]

/** The subject of an object's chunks (ADR-20 of NATS). */
export function chunkSubject({ bucket, nuid }: Pick<StoredObject, 'bucket' | 'nuid'>): string {
  return `$O.${bucket}.C.${nuid}`
}

/** The subject of what a bucket knows of an object. */
export function metaSubject(bucket: string, name: string): string {
  return `$O.${bucket}.M.${Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`
}

/**
 * Stores an object, in place of one of its name, which is there and whole until this one is. The client's own put waits for
 * each chunk before it sends the next, which takes a minute for 64 MiB over 100 ms. `onSent` is told how many bytes are stored.
 * Throws STREAM_REFUSED with the server's words, and QUEUE_UNAVAILABLE.
 */
export async function uploadObject(
  bucket: Bucket,
  content: Content,
  onSent: (bytes: number) => void = () => undefined,
): Promise<StoredObject> {
  await answerTo(bucket.manager.streams.info(bucket.stream)) // a stream that is not there answers no publish
  const id = { bucket: bucket.name, nuid: nuid.next() }
  const chunks = await sendChunks(bucket, chunkSubject(id), content.bytes, onSent)
  const object = {
    ...{ name: content.name, description: '', options: { max_chunk_size: CHUNK_BYTES }, metadata: {} },
    ...{ ...id, size: content.bytes.length, chunks, digest: content.digest, deleted: false },
    mtime: new Date().toISOString(),
  }
  await pointTo(bucket, object)
  return object
}

/** How many there were. What was stored before a fault is removed as far as that can be. */
async function sendChunks(
  { client, manager, stream }: Bucket,
  subject: string,
  bytes: Uint8Array,
  onSent: (bytes: number) => void,
): Promise<number> {
  const count = Math.ceil(bytes.length / CHUNK_BYTES)
  const inFlight: Promise<{ readonly seq: number }>[] = []
  const stored = { chunks: 0, seq: 0 }
  const settle = async (oldest: Promise<{ readonly seq: number }> | undefined) => {
    if (oldest === undefined) return
    const { seq } = await answerTo(oldest)
    if (seq < stored.seq) throw disordered()
    stored.seq = seq
    stored.chunks += 1
    onSent(Math.min(stored.chunks * CHUNK_BYTES, bytes.length))
  }
  try {
    for (let index = 0; index < count; index++) {
      if (inFlight.length === CHUNKS_IN_FLIGHT) await settle(inFlight.shift())
      const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      const acked = client.publish(subject, chunk, { timeout: CHUNK_MS })
      void acked.catch(() => undefined) // one fault is enough
      inFlight.push(acked)
    }
    while (inFlight.length > 0) await settle(inFlight.shift())
    return count
  } catch (fault) {
    await Promise.allSettled(inFlight) // else some would come after they were removed
    await manager.streams.purge(stream, { filter: subject }).catch(() => undefined)
    throw fault
  }
}

/** Makes the name of an object mean what was sent, and removes what it meant. */
async function pointTo(bucket: Bucket, object: StoredObject): Promise<void> {
  const subject = metaSubject(bucket.name, object.name)
  for (let tries = 1; ; tries++) {
    const before = await answerIfThere(
      bucket.manager.streams.getMessage(bucket.stream, { last_by_subj: subject }),
    )
    try {
      await answerTo(replaceMeta(bucket, object, before?.seq ?? 0))
    } catch (fault) {
      const refusal = refusalOf(fault)
      if (isOvertaken(refusal) && tries < POINT_TRIES) continue
      // Without an answer the name may mean it already.
      if (refusal !== undefined) await purgeChunks(bucket, object)
      throw fault
    }
    const replaced = before?.json<StoredObject>()
    if (replaced !== undefined) await purgeChunks(bucket, replaced)
    return
  }
}

/** Only where nobody else has replaced what came with `sequence`, since the chunks of that are removed after. */
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

/** What can not be removed now is left over. */
async function purgeChunks({ manager, stream }: Bucket, object: StoredObject): Promise<void> {
  await manager.streams.purge(stream, { filter: chunkSubject(object) }).catch(() => undefined)
}

function isOvertaken(refusal: number | undefined): boolean {
  return refusal !== undefined && WRONG_SEQUENCE.includes(refusal)
}

/** The code with which the server refused; undefined for any other fault. */
function refusalOf(fault: unknown): number | undefined {
  const cause = fault instanceof JobicoError ? fault.cause : undefined
  return cause instanceof JetStreamApiError ? cause.code : undefined
}

function disordered(): JobicoError {
  return new JobicoError('QUEUE_UNAVAILABLE', 'NATS stored parts of the module out of order; push it again')
}
