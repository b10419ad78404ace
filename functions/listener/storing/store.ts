import { headers as newHeaders } from '@nats-io/transport-node'

import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import { JobicoError } from '../../process/errors.ts'
import { eventKey, eventSubjects, type EventRef } from '../../queues/names.ts'
import { publish, publishBatch, throwRefusal, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { isKnown } from '../../outcomes/event-state.ts'
import type { CheckedEvent } from './check-events.ts'
import { createSemaphore } from './semaphore.ts'

/** One event of a request, once it is stored. */
export interface StoredEvent {
  readonly id: string
  readonly key: string
  /** The queue had it already, or it came earlier in the same request. */
  readonly duplicate: boolean
}

/** Stores the events of a request, all or none; resolves when JetStream has acknowledged every one. */
export type Store = (requests: Requests, events: readonly CheckedEvent[]) => Promise<readonly StoredEvent[]>

/** A server allows 50 open batches for a stream, which several listeners may share. */
const MAX_OPEN_BATCHES = 8
const MAX_ROUNDS = 3
const LOOKUPS_AT_ONCE = 100

type KeyedEvent = CheckedEvent & { readonly key: string }

/**
 * Makes the store for one event of a Job. An event whose id NATS still knows, but of which no outcome is kept, is stored like
 * a new one, without its id: else nothing would be known of an event that was accepted. It throws QUEUE_FULL or QUEUE_UNAVAILABLE;
 * sending again is safe then.
 */
export function createStore(ref: EventRef): Store {
  const { queued } = eventSubjects(ref)
  const batches = createSemaphore(MAX_OPEN_BATCHES)
  const messageId = (key: string) => `${ref.event}.${key}`

  /** Stores an event unless it is known; gives true if it was stored. */
  async function storeOne(requests: Requests, { key, event, headers }: KeyedEvent): Promise<boolean> {
    headers.set('Nats-Msg-Id', messageId(key))
    const message = { subject: queued(key), headers, ...payloadOf(event) }
    const isStored = (ack: PubAck) => {
      if (ack.stored) return !ack.duplicate
      return ack.refusal === 'subject-taken' ? false : throwRefusal(ack)
    }
    const ack = await publish(requests, message)
    if (isStored(ack)) return true
    if (!ack.stored || (await isKnown(requests, ref, key))) return false
    headers.delete('Nats-Msg-Id')
    return isStored(await publish(requests, message))
  }

  /** A message of a batch. Each round makes new headers, because the batch headers of the last round are in the old ones. */
  function batchMessage({ key, event }: KeyedEvent, withId: boolean): Outgoing {
    const headers = eventHeaders(event)
    if (withId) headers.set('Nats-Msg-Id', messageId(key))
    return { subject: queued(key), headers, ...payloadOf(event) }
  }

  /**
   * Whether NATS still knows the id of an event. It looks for the id before it looks at a rollup, so a message with a rollup
   * that there is not, which is never stored, finds it out.
   */
  async function hasId(requests: Requests, { key }: KeyedEvent): Promise<boolean> {
    const headers = newHeaders()
    headers.set('Nats-Msg-Id', messageId(key))
    headers.set('Nats-Rollup', 'none')
    const ack = await publish(requests, { subject: queued(key), headers })
    return ack.stored && ack.duplicate
  }

  /** Stores the events that the queue does not have yet, all or none, and gives their keys. */
  async function storeFresh(requests: Requests, events: readonly KeyedEvent[]): Promise<ReadonlySet<string>> {
    let missing = events
    let forgotten: ReadonlySet<KeyedEvent> = new Set()
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [first] = missing
      if (first === undefined) return new Set()
      if (missing.length === 1) return new Set((await storeOne(requests, first)) ? [first.key] : [])
      const messages = missing.map((each) => batchMessage(each, !forgotten.has(each)))
      const ack = await batches.run(() => publishBatch(requests, messages))
      if (ack.stored) return new Set(missing.map(({ key }) => key))
      if (!isDuplicate(ack)) throwRefusal(ack)
      missing = await filtered(missing, async ({ key }) => !(await isKnown(requests, ref, key)))
      forgotten = new Set(await filtered(missing, (each) => hasId(requests, each)))
    }
    throw new JobicoError(
      'QUEUE_UNAVAILABLE',
      'other requests are storing the same events right now; sending again with the same id or Idempotency-Key is safe',
    )
  }

  return async (requests, events) => {
    const unique = new Map<string, KeyedEvent>()
    const keyed = events.map((checked) => {
      const key = eventKey(checked.event.attributes.source, checked.event.attributes.id)
      const own = { ...checked, key }
      if (!unique.has(key)) unique.set(key, own)
      return own
    })
    const fresh = await storeFresh(requests, [...unique.values()])
    return keyed.map((own) => ({
      id: own.event.attributes.id,
      key: own.key,
      duplicate: !fresh.has(own.key) || unique.get(own.key) !== own,
    }))
  }
}

function payloadOf({ data }: CheckedEvent['event']): Pick<Outgoing, 'payload'> {
  return data === undefined ? {} : { payload: data }
}

function isDuplicate({ refusal }: Extract<PubAck, { stored: false }>): boolean {
  return refusal === 'duplicate-in-batch' || refusal === 'subject-taken'
}

/** The events for which a look-up gives true. 100 at a time, because NATS answers a limited number of requests at once. */
async function filtered(
  events: readonly KeyedEvent[],
  lookUp: (event: KeyedEvent) => Promise<boolean>,
): Promise<readonly KeyedEvent[]> {
  const found: KeyedEvent[] = []
  for (let at = 0; at < events.length; at += LOOKUPS_AT_ONCE) {
    const some = events.slice(at, at + LOOKUPS_AT_ONCE)
    const answers = await Promise.all(some.map(lookUp))
    found.push(...some.filter((_event, index) => answers[index]))
  }
  return found
}
