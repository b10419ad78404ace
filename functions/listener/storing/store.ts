import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import { JobicoError } from '../../process/errors.ts'
import { eventKey, eventSubjects, type EventRef } from '../../queues/names.ts'
import { publish, publishBatch, throwRefusal, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { eventState } from '../../outcomes/event-state.ts'
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

/** Makes the store for one event of a Job. It throws QUEUE_FULL or QUEUE_UNAVAILABLE; sending again is safe then. */
export function createStore(ref: EventRef): Store {
  const { queued } = eventSubjects(ref)
  const batches = createSemaphore(MAX_OPEN_BATCHES)
  const messageId = (key: string) => `${ref.event}.${key}`

  async function storeOne(requests: Requests, { key, event, headers }: KeyedEvent): Promise<boolean> {
    headers.set('Nats-Msg-Id', messageId(key))
    const ack = await publish(requests, { subject: queued(key), headers, ...payloadOf(event) })
    if (ack.stored) return !ack.duplicate
    return ack.refusal === 'subject-taken' ? false : throwRefusal(ack)
  }

  /** A message of a batch. Each round makes new headers, because the batch headers of the last round are in the old ones. */
  function batchMessage({ key, event }: KeyedEvent): Outgoing {
    const headers = eventHeaders(event)
    headers.set('Nats-Msg-Id', messageId(key))
    return { subject: queued(key), headers, ...payloadOf(event) }
  }

  /** Stores the events that the queue does not have yet, all or none, and gives their keys. */
  async function storeFresh(requests: Requests, events: readonly KeyedEvent[]): Promise<ReadonlySet<string>> {
    let missing = events
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [first] = missing
      if (first === undefined) return new Set()
      if (missing.length === 1) return new Set((await storeOne(requests, first)) ? [first.key] : [])
      const messages = missing.map(batchMessage)
      const ack = await batches.run(() => publishBatch(requests, messages))
      if (ack.stored) return new Set(missing.map(({ key }) => key))
      if (!isDuplicate(ack)) throwRefusal(ack)
      missing = await unknownOf(requests, ref, missing)
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

/**
 * The events that no stream has yet. It looks up 100 at a time, because NATS answers a limited number of requests at once.
 */
async function unknownOf(
  requests: Requests,
  ref: EventRef,
  events: readonly KeyedEvent[],
): Promise<readonly KeyedEvent[]> {
  const unknown: KeyedEvent[] = []
  for (let at = 0; at < events.length; at += LOOKUPS_AT_ONCE) {
    const some = events.slice(at, at + LOOKUPS_AT_ONCE)
    const states = await Promise.all(some.map(({ key }) => eventState(requests, ref, key)))
    unknown.push(...some.filter((_event, index) => states[index]?.state === 'unknown'))
  }
  return unknown
}
