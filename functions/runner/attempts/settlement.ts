import { randomUUID } from 'node:crypto'

import type { MsgHdrs } from '@nats-io/transport-node'

import { eventHeaders, headersSize } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import { newestRecord, type StoredRecord } from '../../outcomes/event-state.ts'
import { historyHeaders, setLineage, type History, type Lineage } from '../../outcomes/history.ts'
import { keptHeaders } from '../../outcomes/kept-message.ts'
import { JOBICO_HEADERS, verdictHeaders, type Verdict } from '../../outcomes/verdict.ts'
import { eventSubjects, streamNames, type EventRef } from '../../queues/names.ts'
import { expectNewest, publish } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { deleteMessage, lastMessage, messageAt, type StoredMessage } from '../../jetstream/stored-message.ts'
import type { Source } from '../dispatch/delivery.ts'
import type { Room } from '../dispatch/room.ts'
import { handOverBytes, handOverMessage, type HandOver } from '../../outcomes/hand-over.ts'
import { createBatcher } from './batcher.ts'
import { createFamilies, type Families } from './families.ts'
import {
  createReplace,
  untilCaughtUp,
  untilDone,
  writeOf,
  type RecordWrite,
  type Replaced,
  type Written,
} from './replace-record.ts'
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

/** A retry, by which the next write can replace it. */
export type Scheduled =
  | (Extract<Written, { kind: 'stored' }> & { readonly write: string })
  | Extract<Written, { kind: 'superseded' }>

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
  /**
   * Reads the newest record of an event, if any. Waits a little for a server that does not know the record with the sequence
   * `known`, or a newer one, yet.
   */
  newest(key: string, known: number): Promise<StoredRecord | undefined>
  /**
   * Reads the outcome of an event, also if it is not the newest record: a process that died after it had stored it may have
   * left a retry, which has become due since. Outcomes up to the sequence `since` do not count: they are of attempts before.
   */
  outcome(key: string, since: number): Promise<StoredRecord | undefined>
  /** Stores a done verdict together with what it hands over: both or none. */
  writeDone(
    event: KeyedEvent,
    verdict: Extract<Verdict, { kind: 'done' }>,
    handOvers: HandOvers,
    replaces: Replaced,
  ): Promise<Written>
  /** Stores a dead letter: the verdict, and the event itself. */
  writeDead(
    event: KeyedEvent,
    verdict: Extract<Verdict, { kind: 'dead' }>,
    lineage: Lineage,
    replaces: Replaced,
  ): Promise<Written>
  /** Stores a dead letter that holds a message as it is, since no event can be read from it. */
  writeUnreadable(
    key: string,
    message: StoredMessage,
    verdict: Extract<Verdict, { kind: 'dead' }>,
    replaces: Replaced,
  ): Promise<Written>
  /** Reads a message of one of the Job's streams by its sequence; undefined if it is gone. */
  stored(source: Source, seq: number): Promise<StoredMessage | undefined>
  /** Stores a retry of an event after `delayMs`. */
  scheduleRetry(event: KeyedEvent, history: History, delayMs: number, replaces: Replaced): Promise<Scheduled>
  /** Deletes a message of one of the Job's streams, if it is still there. */
  remove(source: Source, seq: number): Promise<void>
  /** The counts of what came out of events. */
  readonly families: Families
  /** The most bytes that may come out of one event. */
  readonly familyBytes: () => number
}

/** Counts of descendants are kept so long at least: longer than descendants wait for room, or for a pod. */
const MIN_COUNT_S = 3_600
/** What a done verdict takes beside its result, about: its headers are not made once more to measure them. */
const VERDICT_BYTES = 600
const NO_ROOM_TO_HAND_OVER = { kind: 'no-room', lacks: 'hand-overs' } as const

/** Makes the settlement for the runner of an event. */
export function createSettlement(options: SettlementOptions): Settlement {
  const { requests, ref, clock, room, signal, doneRetentionSeconds, deadRetentionSeconds } = options
  const streams = streamNames(ref)
  const subjects = eventSubjects(ref)
  const process = randomUUID().slice(0, 8)
  let writes = 0

  const batcher = createBatcher(requests)
  const persist = <T>(step: () => Promise<T | undefined>) => untilDone(step, signal)
  const newest = async (key: string, known: number) => {
    const isBehind = untilCaughtUp()
    const read = await persist(async () => {
      const found = await newestRecord(requests, ref, key)
      return isBehind(found, known) ? undefined : { found }
    })
    return read.found
  }
  const replace = createReplace({ requests, ref, room, persist })
  const families = createFamilies({
    ...{ requests, ref, persist, mostBytes: room.familyBytes },
    ttlSeconds: Math.max(doneRetentionSeconds, MIN_COUNT_S),
  })

  const conditional = (fields: MsgHdrs, key: string, expected: number, ttl?: number) => {
    expectNewest(fields, subjects.records(key), expected)
    if (ttl !== undefined) fields.set('Nats-TTL', `${ttl}s`)
    return fields
  }

  /** Stores a verdict with its hand-overs. */
  async function writeTogether(
    { events, lineage }: HandOvers,
    verdict: RecordWrite & { readonly done: (expected: number) => Outgoing },
  ): Promise<Written> {
    const { key, replaces, done } = verdict
    // A hand-over to one event takes the place of its cause, so that a full Job can still work itself free.
    const takesNoMore = events.length === 1 && replaces.seq !== 0
    const root = lineage.root ?? key
    if (!takesNoMore && !(await room.has('waiting')) && !room.goesFirst(root)) return NO_ROOM_TO_HAND_OVER
    const messages = () => events.map((each) => handOverMessage(each, { hops: lineage.hops + 1, root }))
    room.stored(bytesOf(messages()))
    const more = { events: events.length, bytes: handOverBytes(events) }
    const written = await families.grow(root, more, (counted) =>
      replace({
        ...verdict,
        publish: async (expected) => await batcher([...(await counted()), ...messages(), done(expected)]),
      }),
    )
    return written ?? NO_ROOM_TO_HAND_OVER
  }

  /** Stores a dead letter, whose headers are those of the event's message and the verdict's. */
  async function writeLetter(
    key: string,
    message: { readonly headers: () => MsgHdrs; readonly payload: Uint8Array },
    verdict: Extract<Verdict, { kind: 'dead' }>,
    replaces: Replaced,
  ): Promise<Written> {
    if (!(await room.has('dead'))) return { kind: 'no-room', lacks: 'dead letters' }
    const letter = (expected: number): Outgoing => {
      const fields = message.headers()
      for (const [name, [value = '']] of verdictHeaders(verdict)) fields.set(name, value)
      return {
        subject: subjects.record(key, 'dead'),
        headers: conditional(fields, key, expected, deadRetentionSeconds),
        payload: message.payload,
      }
    }
    room.stored(bytesOf([letter(0)]))
    return await replace({
      ...{ key, replaces },
      publish: (expected) => publish(requests, letter(expected)),
      isSame: (record) => holds(record, verdict),
    })
  }

  return {
    newest,
    async outcome(key, since) {
      const read = (kind: 'done' | 'dead') =>
        persist(async () => {
          const found = await lastMessage(requests, streams.events, subjects.record(key, kind))
          return { found: found && { ...found, kind } }
        })
      for (const kind of ['done', 'dead'] as const) {
        const { found } = await read(kind)
        if (found !== undefined && found.seq > since) return found
      }
      return undefined
    },
    families,
    familyBytes: room.familyBytes,
    async writeDone(event, verdict, handOvers, replaces) {
      const { key } = event
      const done = (expected: number): Outgoing => ({
        subject: subjects.record(key, 'done'),
        headers: conditional(verdictHeaders(verdict), key, expected, doneRetentionSeconds),
        payload: payloadOf(verdict.result),
      })
      const write: RecordWrite = {
        ...{ key, replaces },
        publish: (expected) => publish(requests, done(expected)),
        isSame: (record) => holds(record, verdict),
      }
      room.stored(payloadOf(verdict.result).length + VERDICT_BYTES)
      return handOvers.events.length === 0
        ? await replace(write)
        : await writeTogether(handOvers, { ...write, done })
    },
    async writeDead(event, verdict, lineage, replaces) {
      const headers = () => {
        const fields = eventHeaders(event)
        setLineage(fields, lineage)
        return fields
      }
      return await writeLetter(event.key, { headers, payload: payloadOf(event) }, verdict, replaces)
    },
    async writeUnreadable(key, message, verdict, replaces) {
      const kept = { headers: () => keptHeaders(message), payload: message.data }
      return await writeLetter(key, kept, verdict, replaces)
    },
    stored: async (source, seq) =>
      (await persist(async () => ({ found: await messageAt(requests, streams[source], seq) }))).found,
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
      const written = await replace({
        ...{ key: event.key, replaces },
        publish: (expected) => publish(requests, retry(expected)),
        isSame: (record) => writeOf(record) === id,
      })
      if (written.kind === 'superseded') return written
      room.stored(bytesOf([retry(0)]))
      return { ...written, write: id }
    },
    async remove(source, seq) {
      await persist(async () => {
        await deleteMessage(requests, streams[source], seq)
        return true
      })
    },
  }
}

/** Whether a record holds this very verdict. */
function holds({ kind, headers }: StoredRecord, verdict: Verdict): boolean {
  return kind === verdict.kind && headers?.get(JOBICO_HEADERS.time) === verdict.time
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
