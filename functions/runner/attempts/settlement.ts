import { setTimeout as delay } from 'node:timers/promises'

import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import type { KeyedEvent } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { eventSubjects, streamNames, type EventRef } from '../../queues/names.ts'
import { publish, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { eventState, readVerdict, type StoredVerdict } from '../../outcomes/event-state.ts'
import { historyHeaders, readHistory, type History } from '../../outcomes/history.ts'
import { deleteMessage, lastMessage } from '../../jetstream/stored-message.ts'
import { verdictHeaders, verdictPayload, type Verdict } from '../../outcomes/verdict.ts'
import { createBatcher, type Batcher } from './dead-letter-batcher.ts'
import { ACK, type Delivery } from '../dispatch/delivery.ts'
import type { PullGate } from '../dispatch/pull-gate.ts'
import { handOverMessage, type HandOver } from '../outputs/hand-over.ts'
import type { ServerClock } from './server-clock.ts'

/** What a settlement needs. */
export interface SettlementOptions {
  readonly requests: Requests
  readonly ref: EventRef
  readonly clock: ServerClock
  readonly gate: PullGate
  readonly doneRetentionSeconds: number
  readonly deadRetentionSeconds: number
  /** Ends every wait for JetStream. */
  readonly signal: AbortSignal
}

/**
 * Stores what follows from executions. Every write is repeated until JetStream has confirmed it, however long that takes;
 * only the end of the process ends the wait, with an AbortError. A write that NATS will never take, because its max_payload
 * was lowered, throws TOO_LARGE.
 */
export interface Settlement {
  /** Reads the stored verdict, if any. */
  readVerdict(key: string): Promise<StoredVerdict | undefined>
  /**
   * Stores a verdict in place of the one with sequence `replaces`, 0 for none. Gives the verdict that is stored then: this
   * one, or that of another writer which came first.
   */
  writeVerdict(event: KeyedEvent, verdict: Verdict, replaces: number): Promise<Verdict>
  /** Stores a retry of an event after `delayMs`, in place of an earlier retry; gives its sequence. */
  scheduleRetry(event: KeyedEvent, history: History, delayMs: number): Promise<number>
  /** How many attempts the latest retry of an event has recorded, whether it is due or not; 0 if there is none. */
  latestAttempts(key: string): Promise<number>
  /** Deletes a scheduled retry. */
  cancelRetry(seq: number): Promise<void>
  /** Removes the body, if any, of a dead letter whose verdict was replaced by a done one. */
  removeDeadLetterBody(key: string): Promise<void>
  /** Hands an event over; with `again`, only if the event that it goes to does not have it yet. */
  handOver(handOver: HandOver, again: boolean): Promise<void>
  /** Acknowledges a delivery. Gives up after five tries: the message is then delivered again, and its verdict is found. */
  acknowledge(delivery: Delivery): Promise<void>
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000
const ACK_TRIES = 5

/** Makes the settlement for the runner of an event. */
export function createSettlement(options: SettlementOptions): Settlement {
  const { requests, ref, clock, gate, signal } = options
  const streams = streamNames(ref)
  const subjects = eventSubjects(ref)

  const batcher = createBatcher(requests)
  const persist = <T>(step: () => Promise<T | undefined>) => untilDone(step, signal)
  const store = (message: () => Outgoing) =>
    persist(async () => {
      const ack = await tryPublish(() => publish(requests, message()))
      return ack.stored ? ack.seq : undefined
    })

  return {
    readVerdict: async (key) => {
      const { found } = await persist(async () => ({ found: await readVerdict(requests, ref, key) }))
      return found
    },
    async writeVerdict(event, verdict, replaces) {
      let expected = replaces
      let release: (() => void) | undefined
      try {
        return await persist(async () => {
          const ack = await tryPublish(() => storeVerdict({ ...options, batcher }, event, verdict, expected))
          if (ack.stored) return verdict
          if (ack.refusal !== 'wrong-sequence') {
            release ??= gate.block()
            return undefined
          }
          const standing = await readVerdict(requests, ref, event.key)
          if (standing === undefined) expected = 0
          return standing?.seq === expected ? undefined : standing?.verdict
        })
      } finally {
        release?.()
      }
    },
    scheduleRetry: (event, history, delayMs) => {
      return store(() => {
        const headers = historyHeaders(event, history)
        headers.set('Nats-Schedule', `@at ${new Date(clock.now() + delayMs).toISOString()}`)
        headers.set('Nats-Schedule-Target', subjects.due(event.key))
        return { subject: subjects.later(event.key), headers, payload: event.data ?? new Uint8Array() }
      })
    },
    latestAttempts: (key) =>
      persist(async () => {
        const latest = await lastMessage(requests, streams.retry, subjects.retry(key))
        return readHistory(latest?.headers).attempts
      }),
    cancelRetry: async (seq) => {
      await persist(async () => {
        await deleteMessage(requests, streams.retry, seq)
        return true
      })
    },
    removeDeadLetterBody: async (key) => {
      await persist(async () => {
        // Read the body first: a done verdict that is read after it, with a later sequence, has replaced its dead one.
        const body = await lastMessage(requests, streams.outcomes, subjects.deadBody(key))
        const standing = body && (await readVerdict(requests, ref, key))
        if (body !== undefined && standing?.verdict.kind === 'done' && standing.seq > body.seq)
          await deleteMessage(requests, streams.outcomes, body.seq)
        return true
      })
    },
    async handOver(next, again) {
      const { key, message } = handOverMessage(next)
      const known = again && (await persist(() => eventState(requests, next.ref, key))).state !== 'unknown'
      if (!known) await store(() => message)
    },
    async acknowledge({ ackSubject }) {
      for (let tries = 0; tries < ACK_TRIES; tries++) {
        const confirmed = await requests.send({ subject: ackSubject, payload: ACK }).catch(() => undefined)
        if (confirmed !== undefined) return
        await delay(FIRST_WAIT_MS * 2 ** tries, undefined, { signal })
      }
    },
  }
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

/** Stores a done verdict as one message, and a dead one in a batch with the event itself: both or none. */
function storeVerdict(
  options: SettlementOptions & { readonly batcher: Batcher },
  event: KeyedEvent,
  verdict: Verdict,
  expected: number,
): Promise<PubAck> {
  const { requests, batcher, ref, doneRetentionSeconds, deadRetentionSeconds } = options
  const subjects = eventSubjects(ref)
  const ttl = `${verdict.kind === 'done' ? doneRetentionSeconds : deadRetentionSeconds}s`
  const headers = verdictHeaders(verdict)
  headers.set('Nats-TTL', ttl)
  headers.set('Nats-Expected-Last-Subject-Sequence', String(expected))
  const subject = subjects.verdict(event.key)
  if (verdict.kind === 'done') {
    return publish(requests, { subject, headers, payload: verdictPayload(verdict) })
  }
  const bodyHeaders = eventHeaders(event)
  for (const [name, [value = '']] of verdictHeaders(verdict)) bodyHeaders.set(name, value)
  bodyHeaders.set('Nats-TTL', ttl)
  const body = {
    subject: subjects.deadBody(event.key),
    headers: bodyHeaders,
    payload: event.data ?? new Uint8Array(),
  }
  return batcher([{ subject, headers }, body])
}
