import { setTimeout as delay } from 'node:timers/promises'

import type { PubAck } from '../../jetstream/publish.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { newestRecord, type StoredRecord } from '../../outcomes/event-state.ts'
import { JOBICO_HEADERS } from '../../outcomes/verdict.ts'
import { JobicoError } from '../../process/errors.ts'
import type { EventRef } from '../../queues/names.ts'
import type { Room } from '../dispatch/room.ts'

/** The record that a write is to replace. */
export interface Replaced {
  /** Its sequence; 0 if the event has no record yet. */
  readonly seq: number
  /** Its value of the header Jobico-Write, if this process has stored it: once it has become due, that is replaced instead. */
  readonly write?: string
}

/** Whether a record was stored in place of the one before it. */
export type Written =
  /** It is the newest record of its event now, and `replaced` was the one before, 0 for none. */
  | { readonly kind: 'stored'; readonly seq: number; readonly replaced: number }
  /**
   * Another process was first: the newest record is its. One that is older than the record to be replaced, or none, does not
   * show that: that record is gone, or the server that answered has not got so far.
   */
  | { readonly kind: 'superseded'; readonly newest: StoredRecord | undefined }
  /** Nothing was stored, because there is no room for it in the Job's stream of events. */
  | { readonly kind: 'no-room'; readonly lacks: Lack }

/** What there is no room for. */
export type Lack = 'dead letters' | 'hand-overs'

/** A write of a record. */
export interface RecordWrite {
  readonly key: string
  readonly replaces: Replaced
  /** Publishes the record if the newest one has the sequence `expected`. */
  readonly publish: (expected: number) => Promise<PubAck>
  /** Whether a record is the one that is being written: an earlier try that got no answer has stored it then. */
  readonly isSame: (record: StoredRecord) => boolean
}

/** What replacing needs. */
export interface ReplaceOptions {
  readonly requests: Requests
  readonly ref: EventRef
  readonly room: Room
  readonly persist: <T>(step: () => Promise<T | undefined>) => Promise<T>
}

/** Makes the function that repeats a write until it is stored, or until a record of another process is the newest. */
export function createReplace({ requests, ref, room, persist }: ReplaceOptions) {
  return async (write: RecordWrite): Promise<Exclude<Written, { kind: 'no-room' }>> => {
    let expected = write.replaces.seq
    const isBehind = untilCaughtUp()
    let release: (() => void) | undefined
    try {
      return await persist(async () => {
        const ack = await tryPublish(() => write.publish(expected))
        if (ack.stored) return { kind: 'stored', seq: ack.seq, replaced: expected } as const
        if (ack.refusal !== 'wrong-sequence') {
          release ??= room.block()
          return undefined
        }
        const standing = await newestRecord(requests, ref, write.key)
        if (isBehind(standing, expected)) return undefined
        const found = judge(write, expected, standing)
        if (typeof found === 'object') return found
        expected = found
        return undefined
      })
    } finally {
      release?.()
    }
  }
}

/** Far longer than a server takes to store what most of the others have. */
const CATCH_UP_MS = 5_000

/**
 * Makes a function that tells whether to ask again for the newest record of an event, when a record is known to be stored.
 * The server of a consumer may deliver a record before the leader of the stream has stored it, which then refuses what is to
 * replace it, and knows older records only. The same is so when the record was deleted, so it is asked for a time only.
 */
export function untilCaughtUp(): (newest: StoredRecord | undefined, known: number) => boolean {
  let until: number | undefined
  return (newest, known) => {
    if (!isOlder(newest, known)) return false
    until ??= performance.now() + CATCH_UP_MS
    return performance.now() < until
  }
}

/** Whether a record is older than the one with this sequence, or there is none. */
export function isOlder(record: StoredRecord | undefined, seq: number): boolean {
  return (record?.seq ?? 0) < seq
}

/** What a refused write has to do, given the newest record: try again with an expected sequence, or end. */
function judge(write: RecordWrite, expected: number, standing: StoredRecord | undefined) {
  if (standing === undefined)
    return expected === 0 ? expected : ({ kind: 'superseded', newest: undefined } as const)
  if (standing.seq === expected || hasBecomeDue(write, standing)) return standing.seq
  return write.isSame(standing)
    ? ({ kind: 'stored', seq: standing.seq, replaced: expected } as const)
    : ({ kind: 'superseded', newest: standing } as const)
}

/** Whether a record is the one to be replaced, which has become due meanwhile. */
function hasBecomeDue({ replaces }: RecordWrite, standing: StoredRecord): boolean {
  return standing.kind === 'due' && replaces.write !== undefined && writeOf(standing) === replaces.write
}

/** By which write of which process a retry was stored. */
export function writeOf({ headers }: StoredRecord): string | undefined {
  return headers?.get(JOBICO_HEADERS.write)
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

/** Publishes, and takes a missing answer for a refusal. */
async function tryPublish(step: () => Promise<PubAck>): Promise<PubAck> {
  try {
    return await step()
  } catch (thrown) {
    if (!isUnavailable(thrown)) throw thrown
    return { stored: false, refusal: 'unavailable', description: thrown.message }
  }
}

function isUnavailable(thrown: unknown): thrown is JobicoError {
  return thrown instanceof JobicoError && thrown.code === 'QUEUE_UNAVAILABLE'
}

/** Repeats a step, with ever longer waits, until it gives a value. QUEUE_UNAVAILABLE counts as no value. */
export async function untilDone<T>(step: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const given = await step().catch((thrown: unknown) => {
      if (isUnavailable(thrown)) return undefined
      throw thrown
    })
    if (given !== undefined) return given
    await delay(waitMs, undefined, { signal })
  }
}
