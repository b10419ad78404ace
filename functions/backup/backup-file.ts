import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

import {
  decodeFrame,
  FIRST_LINE,
  FORMAT_VERSION,
  lengthsIn,
  MAGIC,
  PREFIX_BYTES,
  type BackupHead,
  type EndHead,
  type Frame,
  type JobHead,
  type MessageHead,
} from './format.ts'
import { placeOf } from './restored.ts'

/** Frames of a file, from the byte `start` up to `end`. */
export interface Range {
  readonly start: number
  readonly end: number
  /** How many frames. */
  readonly count: number
}

/** A Job in a backup, and where its messages are. */
export interface JobInFile {
  readonly head: JobHead
  readonly queued: Range
  readonly records: Range
}

/** A backup that was read to its end, and is whole. */
export interface BackupFile {
  readonly file: FileHandle
  readonly id: string
  /** When it was begun, RFC 3339. */
  readonly created: string
  readonly modules: Range
  readonly jobs: readonly JobInFile[]
  readonly bytes: number
}

const COPY_AGAIN = 'copy it again, or make a new backup'
const BROKEN_OFF = `the file ends in the middle: the backup was broken off, or not copied completely; ${COPY_AGAIN}`
const DAMAGED = `the file is damaged: its checksums or counts are wrong; ${COPY_AGAIN}`
const goesOn = (bytes: number, size: number) =>
  `the backup ends after ${bytes} bytes, but the file has ${size}; ${COPY_AGAIN}`
const MIXED = 'the file has what no backup has in this place; make a new backup'

/**
 * Reads a whole backup and checks it: its version, each checksum, its counts, and that each message belongs to its Job.
 * `onProgress` is called with the bytes read so far. Throws an Error that says what is wrong and how to fix it.
 */
export async function checkBackup(
  file: FileHandle,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<BackupFile> {
  await checkFirstLine(file)
  const hash = createHash('sha256').update(FIRST_LINE)
  const contents = createContents()
  const { size } = await file.stat()
  let end: EndHead | undefined
  let bytes = FIRST_LINE.length
  for await (const frame of readFrames(file, { start: bytes, end: Infinity })) {
    bytes = frame.end
    onProgress(bytes)
    if (frame.head.kind === 'end') {
      if (size > bytes) throw new Error(goesOn(bytes, size))
      end = frame.head
    } else {
      hash.update(frame.bytes)
      contents.add(frame)
    }
  }
  if (end === undefined) throw new Error(BROKEN_OFF)
  const { id, created, modules, jobs } = contents.finish()
  const messages = jobs.reduce((sum, { queued, records }) => sum + queued.count + records.count, 0)
  const isWhole =
    hash.digest('hex') === end.sha256 &&
    modules.count === end.modules &&
    jobs.length === end.jobs &&
    messages === end.messages
  if (!isWhole) throw new Error(DAMAGED)
  return { file, id, created, modules, jobs, bytes }
}

async function checkFirstLine(file: FileHandle): Promise<void> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0)
  const text = buffer.toString('latin1', 0, bytesRead)
  if (text.startsWith(FIRST_LINE)) return
  const version = new RegExp(`^${MAGIC} (\\d+)\n`).exec(text)?.[1]
  if (version !== undefined)
    throw new Error(
      `the backup has version ${version} of the format, and this jobico reads version ${FORMAT_VERSION}; restore it with a jobico that reads version ${version}`,
    )
  if (text !== '' && FIRST_LINE.startsWith(text)) throw new Error(BROKEN_OFF)
  throw new Error('the file is no backup of Jobico; name one that jobico backup has written')
}

/** Puts together what a backup has, from its frames in their order. */
function createContents() {
  let opening: BackupHead | undefined
  const modules = emptyRange(FIRST_LINE.length)
  const jobs: JobInFile[] = []
  let open: OpenJob | undefined

  const addToJob = (job: OpenJob, { head, start, end }: Frame) => {
    if (head.kind === 'job-end') {
      if (head.queued !== job.queued.count || head.records !== job.records.count) throw new Error(DAMAGED)
      jobs.push(job)
      open = undefined
    } else if (head.kind === 'queued' || head.kind === 'record') addMessage(job, head, { start, end })
    else throw new Error(MIXED)
  }
  const addBetween = ({ head, end }: Frame) => {
    if (head.kind === 'job') open = { head, queued: emptyRange(end), records: emptyRange(end) }
    else if (head.kind === 'module' && jobs.length === 0) extend(modules, end)
    else throw new Error(MIXED)
  }
  return {
    add(frame: Frame) {
      if (opening === undefined) {
        if (frame.head.kind !== 'backup') throw new Error(MIXED)
        opening = frame.head
        modules.start = frame.end
        modules.end = frame.end
      } else if (open === undefined) addBetween(frame)
      else addToJob(open, frame)
    },
    finish() {
      if (opening === undefined || open !== undefined) throw new Error(MIXED)
      return { id: opening.id, created: opening.created, modules, jobs }
    },
  }
}

interface OpenJob {
  readonly head: JobHead
  readonly queued: MutableRange
  readonly records: MutableRange
}

/** Adds a message to its Job; those of the queue come first. */
function addMessage(
  { head, queued, records }: OpenJob,
  { kind, subject }: MessageHead,
  { start, end }: Pick<Range, 'start' | 'end'>,
): void {
  const isPlaced = placeOf(head, kind, subject) !== undefined
  if (!isPlaced || (kind === 'queued' && records.count > 0)) throw new Error(MIXED)
  const range = kind === 'queued' ? queued : records
  if (range.count === 0) range.start = start
  extend(range, end)
}

interface MutableRange {
  start: number
  end: number
  count: number
}

function emptyRange(start: number): MutableRange {
  return { start, end: start, count: 0 }
}

function extend(range: MutableRange, end: number): void {
  range.end = end
  range.count++
}

const CHUNK_BYTES = 2 ** 20

/** Reads the frames of a part of a backup. Throws an Error if one is damaged, or not complete. */
export async function* readFrames(
  file: FileHandle,
  { start, end }: Pick<Range, 'start' | 'end'>,
): AsyncGenerator<Frame, void, undefined> {
  if (start >= end) return
  const stream = file.createReadStream({ start, end: end - 1, autoClose: false, highWaterMark: CHUNK_BYTES })
  let at = start
  let waiting: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    waiting = waiting.length === 0 ? (chunk as Buffer) : Buffer.concat([waiting, chunk as Buffer])
    for (let size = frameSize(waiting); waiting.length >= size; size = frameSize(waiting)) {
      const bytes = waiting.subarray(0, size)
      const frame = decodeFrame(bytes)
      if (frame === undefined) throw new Error(DAMAGED)
      waiting = waiting.subarray(size)
      yield { ...frame, bytes, start: at, end: at + size }
      at += size
    }
  }
  if (waiting.length > 0) throw new Error(BROKEN_OFF)
}

/** The size of the frame with which these bytes begin; more than there are if that is not known yet. */
function frameSize(bytes: Buffer): number {
  if (bytes.length < PREFIX_BYTES) return PREFIX_BYTES
  const lengths = lengthsIn(bytes)
  if (lengths === undefined) throw new Error(DAMAGED)
  return PREFIX_BYTES + lengths.head + lengths.body
}
