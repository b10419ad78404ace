import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { eventHeaders, headersSize } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { newestRecord, type StoredRecord } from '../../outcomes/event-state.ts'
import { historyHeaders, setLineage, type History, type Lineage } from '../../outcomes/history.ts'
import { JOBICO_HEADERS, verdictHeaders, type Verdict } from '../../outcomes/verdict.ts'
import { eventSubjects, streamNames, type EventRef } from '../../queues/names.ts'
import { expectNewest, publish, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { deleteMessage } from '../../jetstream/stored-message.ts'
import type { Source } from '../dispatch/delivery.ts'
import type { Room } from '../dispatch/room.ts'
import { handOverMessage, type HandOver } from '../../outcomes/hand-over.ts'
import { createBatcher } from './batcher.ts'
import { createFamilies, type Families } from './families.ts'
import type { ServerClock } from './server-clock.ts'

/** What a settlement needs. */
export interface SettlementOptions {
  readonly requests: Requests
  readonly ref: EventRef
  readonly clock: ServerClock
  readonly room: Room
  readonly doneRetentionSeconds: number
  readonly deadRetentionSeconds: number
  /** Ends every wait for JetStream. */
  readonly signal: AbortSignal
}

/** Whether a record was stored in place of the one before it. */
export type Written =
  /** It is the newest record of its event now, and `replaced` was the one before, 0 for none. */
  | { readonly kind: 'stored'; readonly seq: number; readonly replaced: number }
  /** Another process was first: the newest record is its. */
  | { readonly kind: 'superseded'; readonly newest: StoredRecord | undefined }
  /** Nothing was stored, because there is no room for it in the Job's stream of events. */
  | { readonly kind: 'no-room'; readonly lacks: string }

/** What a done verdict hands over, in the same write. */
export interface HandOvers {
  readonly events: readonly HandOver[]
  /** Where the event itself stands among the hand-overs that led to it. */
  readonly lineage: Lineage
}

/**
 * Stores what follows from executions. Every write names the record that it replaces, and is refused if another one is the
 * newest of its event by then. It is repeated until JetStream has answered, however long that takes; only the end of the
 * process ends the wait, with an AbortError. A write that NATS will never take, because its max_payload was lowered, throws
 * TOO_LARGE.
 */
export interface Settlement {
  /** Reads the newest record of an event, if any. */
  newest(key: string): Promise<StoredRecord | undefined>
  /** Stores a done verdict together with what it hands over: both or none. */
  writeDone(
    event: KeyedEvent,
    verdict: Extract<Verdict, { kind: 'done' }>,
    handOvers: HandOvers,
    replaces: number,
  ): Promise<Written>
  /** Stores a dead letter: the verdict, and the event itself. */
  writeDead(
    event: KeyedEvent,
    verdict: Extract<Verdict, { kind: 'dead' }>,
    lineage: Lineage,
    replaces: number,
  ): Promise<Written>
  /** Stores a retry of an event after `delayMs`. */
  scheduleRetry(
    event: KeyedEvent,
    history: History,
    delayMs: number,
    replaces: number,
  ): Promise<Exclude<Written, { kind: 'no-room' }>>
  /** Deletes a message of one of the Job's streams, if it is still there. */
  remove(source: Source, seq: number): Promise<void>
  /** The counts of what came out of events. */
  readonly families: Families
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

/** Makes the settlement for the runner of an event. */
export function createSettlement(options: SettlementOptions): Settlement {
  const { requests, ref, clock, room, signal, doneRetentionSeconds, deadRetentionSeconds } = options
  const streams = streamNames(ref)
  const subjects = eventSubjects(ref)
  const process = randomUUID().slice(0, 8)
  let writes = 0

  const batcher = createBatcher(requests)
  const persist = <T>(step: () => Promise<T | undefined>) => untilDone(step, signal)
  const newest = async (key: string) =>
    (await persist(async () => ({ found: await newestRecord(requests, ref, key) }))).found
  const families = createFamilies({ requests, ref, ttlSeconds: doneRetentionSeconds, persist })

  /** Repeats a write until it is stored, or until a record that is not its own has taken its place. */
  async function replace(
    key: string,
    replaces: number,
    write: (expected: number) => Promise<PubAck>,
    isOwn: (record: StoredRecord) => boolean = () => false,
  ): Promise<Exclude<Written, { kind: 'no-room' }>> {
    let expected = replaces
    let release: (() => void) | undefined
    try {
      return await persist(async () => {
        const ack = await tryPublish(() => write(expected))
        if (ack.stored) return { kind: 'stored', seq: ack.seq, replaced: expected } as const
        if (ack.refusal !== 'wrong-sequence') {
          release ??= room.block()
          return undefined
        }
        const standing = await newestRecord(requests, ref, key)
        if (standing?.seq === expected || (standing === undefined && expected === 0)) return undefined
        if (standing !== undefined && isOwn(standing)) {
          // An earlier try that got no answer was stored, or what this process had stored has become due.
          if (standing.kind === 'later')
            return { kind: 'stored', seq: standing.seq, replaced: expected } as const
          expected = standing.seq
          return undefined
        }
        return { kind: 'superseded', newest: standing } as const
      })
    } finally {
      release?.()
    }
  }

  const conditional = (fields: Outgoing['headers'] & object, key: string, expected: number, ttl?: number) => {
    expectNewest(fields, subjects.records(key), expected)
    if (ttl !== undefined) fields.set('Nats-TTL', `${ttl}s`)
    return fields
  }
  /** Whether a record is a retry that this process has stored for the attempt that it replaces now. */
  const wroteIt = (record: StoredRecord) =>
    record.headers?.get(JOBICO_HEADERS.write).startsWith(`${process}.`) === true

  return {
    newest,
    families,
    async writeDone(event, verdict, { events, lineage }, replaces) {
      const done = (expected: number): Outgoing => ({
        subject: subjects.record(event.key, 'done'),
        headers: conditional(verdictHeaders(verdict), event.key, expected, doneRetentionSeconds),
        payload: payloadOf(verdict.result),
      })
      if (events.length === 0)
        return await replace(event.key, replaces, (expected) => publish(requests, done(expected)), wroteIt)
      const root = lineage.root ?? event.key
      const messages = () => events.map((each) => handOverMessage(each, { hops: lineage.hops + 1, root }))
      const bytes = bytesOf(messages())
      // A hand-over to one event takes the place of its cause, so that a full Job can still work itself free.
      if (!room.has('waiting') && (events.length > 1 || replaces === 0))
        return { kind: 'no-room', lacks: 'hand-overs' }
      const written = await families.grow(root, events.length, (counted) =>
        replace(
          event.key,
          replaces,
          async (expected) => await batcher([...(await counted()), ...messages(), done(expected)]),
          wroteIt,
        ),
      )
      if (written.kind === 'stored') room.stored(bytes)
      return written
    },
    async writeDead(event, verdict, lineage, replaces) {
      if (!room.has('dead')) return { kind: 'no-room', lacks: 'dead letters' }
      const letter = (expected: number): Outgoing => {
        const fields = eventHeaders(event)
        for (const [name, [value = '']] of verdictHeaders(verdict)) fields.set(name, value)
        setLineage(fields, lineage)
        return {
          subject: subjects.record(event.key, 'dead'),
          headers: conditional(fields, event.key, expected, deadRetentionSeconds),
          payload: payloadOf(event),
        }
      }
      const written = await replace(
        event.key,
        replaces,
        (expected) => publish(requests, letter(expected)),
        wroteIt,
      )
      if (written.kind === 'stored') room.stored(bytesOf([letter(0)]))
      return written
    },
    async scheduleRetry(event, history, delayMs, replaces) {
      const id = `${process}.${++writes}`
      const retry = (expected: number): Outgoing => {
        const headers = historyHeaders(event, history)
        headers.set('Nats-Schedule', `@at ${new Date(clock.now() + delayMs).toISOString()}`)
        headers.set('Nats-Schedule-Target', subjects.record(event.key, 'due'))
        headers.set(JOBICO_HEADERS.write, id)
        return {
          subject: subjects.record(event.key, 'later'),
          headers: conditional(headers, event.key, expected),
          payload: payloadOf(event),
        }
      }
      const isOwn = (record: StoredRecord) =>
        record.headers?.get(JOBICO_HEADERS.write) === id || (record.kind === 'due' && wroteIt(record))
      const written = await replace(
        event.key,
        replaces,
        (expected) => publish(requests, retry(expected)),
        isOwn,
      )
      if (written.kind === 'stored') room.stored(bytesOf([retry(0)]))
      return written
    },
    async remove(source, seq) {
      await persist(async () => {
        await deleteMessage(requests, streams[source], seq)
        return true
      })
    },
  }
}

function payloadOf({ data = new Uint8Array() }: Pick<CloudEvent, 'data'>): Uint8Array {
  return data
}

function bytesOf(messages: readonly Outgoing[]): number {
  return messages.reduce(
    (sum, { headers, payload = '' }) =>
      sum + (headers === undefined ? 0 : headersSize(headers)) + Buffer.byteLength(payload),
    0,
  )
}

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
async function untilDone<T>(step: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const given = await step().catch((thrown: unknown) => {
      if (isUnavailable(thrown)) return undefined
      throw thrown
    })
    if (given !== undefined) return given
    await delay(waitMs, undefined, { signal })
  }
}
