import { crc32 } from 'node:zlib'

import type { JobRef } from '../queues/names.ts'
import type { QueueSettings } from '../queues/stream-config.ts'

/** The version of the format. A file of another version is refused. */
export const FORMAT_VERSION = 1
/** How each backup begins; the number is the version of the format. */
export const MAGIC = 'JOBICO-BACKUP'
/** The first line of a backup of this version. */
export const FIRST_LINE = `${MAGIC} ${FORMAT_VERSION}\n`

/** The first frame. */
export interface BackupHead {
  readonly kind: 'backup'
  /** Tells backups apart; restored records carry it. */
  readonly id: string
  /** When it was begun, RFC 3339. */
  readonly created: string
}

/** A module of a namespace; its bytes are the frame's body. */
export interface ModuleHead {
  readonly kind: 'module'
  readonly namespace: string
  readonly name: string
}

/** A Job: all that is needed to make its streams. Its messages follow, up to its `job-end`. */
export interface JobHead extends JobRef {
  readonly kind: 'job'
  readonly queue: QueueSettings
  /** The events that have consumers. */
  readonly events: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** Whether the Job was deleted, so that its queue took no new events. */
  readonly closed: boolean
  /** When reading its streams began, by the clock of NATS, RFC 3339. */
  readonly started: string
}

/** A message of the queue, or of the stream of events. The frame's body has its headers as NATS writes them, and its data. */
export interface MessageHead {
  readonly kind: 'queued' | 'record'
  readonly subject: string
  /** Its sequence in the stream that was read. */
  readonly seq: number
  /** When the stream stored it, RFC 3339. */
  readonly time: string
  /** How many bytes of the body are headers. */
  readonly headers: number
}

/** The end of a Job: how many messages it has. */
export interface JobEndHead {
  readonly kind: 'job-end'
  readonly queued: number
  readonly records: number
}

/** The last frame. */
export interface EndHead {
  readonly kind: 'end'
  readonly modules: number
  readonly jobs: number
  readonly messages: number
  /** SHA-256 of all bytes before this frame, in hexadecimal. */
  readonly sha256: string
}

/** What a frame is. */
export type Head = BackupHead | ModuleHead | JobHead | MessageHead | JobEndHead | EndHead

/** A frame of a backup. */
export interface Frame {
  readonly head: Head
  readonly body: Uint8Array
  /** All of it. */
  readonly bytes: Uint8Array
  /** Where it begins in the file, and where the next one does. */
  readonly start: number
  readonly end: number
}

/** The bytes of a frame before its head: a checksum of all that follows, and the lengths of head and body. */
export const PREFIX_BYTES = 12
/** No head is longer: subjects and metadata are bounded by NATS. */
const MAX_HEAD_BYTES = 2 ** 20
/** No body is longer: a module has at most 64 MiB, a message of NATS as well. */
const MAX_BODY_BYTES = 2 ** 27

const NO_BODY = new Uint8Array()

/** Writes a frame; all numbers are unsigned, of 32 bits, the most significant byte first. Pure. */
export function encodeFrame(head: Head, ...bodies: readonly Uint8Array[]): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(text.length, 4)
  prefix.writeUInt32BE(
    bodies.reduce((sum, { length }) => sum + length, 0),
    8,
  )
  const frame = Buffer.concat([prefix, text, ...bodies])
  frame.writeUInt32BE(crc32(frame.subarray(4)), 0)
  return frame
}

/** The lengths in a frame's prefix; undefined if no frame has such lengths. Pure. */
export function lengthsIn(prefix: Buffer): { readonly head: number; readonly body: number } | undefined {
  const [head, body] = [prefix.readUInt32BE(4), prefix.readUInt32BE(8)]
  return head > MAX_HEAD_BYTES || body > MAX_BODY_BYTES ? undefined : { head, body }
}

/** Reads a whole frame; undefined if its checksum is wrong. Pure. */
export function decodeFrame(bytes: Buffer): Pick<Frame, 'head' | 'body'> | undefined {
  if (crc32(bytes.subarray(4)) !== bytes.readUInt32BE(0)) return undefined
  const headEnd = PREFIX_BYTES + (lengthsIn(bytes)?.head ?? 0)
  const head = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, headEnd)) as Head
  return { head, body: headEnd === bytes.length ? NO_BODY : bytes.subarray(headEnd) }
}
