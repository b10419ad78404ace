import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import { JobicoError } from '../../process/errors.ts'
import { eventKey, eventSubjects, type EventRef } from '../../queues/names.ts'
import { publish, publishBatch, throwRefusal, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { eventState } from '../../outcomes/event-state.ts'
import type { CheckedEvent } from './check-events.ts'
import { createSemaphore } from './semaphore.ts'

/** What became of one event of a request. */
export interface StoredEvent {
  readonly id: string
  readonly key: string
  /** The queue had it already, or it came earlier in the same request. */
  readonly duplicate: boolean
}

/** Stores the events of a request, all or none; resolves when JetStream has acknowledged every one. */
export type Store = (requests: Requests, events: readonly CheckedEvent[]) => Promise<readonly StoredEvent[]>

/** A server allows 50 open batches for a stream, and several listeners may share it. */
const MAX_OPEN_BATCHES = 8
const MAX_ROUNDS = 3
const LOOKUPS_AT_ONCE = 100

type KeyedEvent = CheckedEvent & { readonly key: string }

/** Makes the store of one event of a Job. It throws QUEUE_FULL or QUEUE_UNAVAILABLE; sending again is safe then. */
export function createStore(ref: EventRef): Store {
  const { queued } = eventSubjects(ref)
  const gate = createSemaphore(MAX_OPEN_BATCHES)
  const messageId = (key: string) => `${ref.event}.${key}`

  async function storeOne(requests: Requests, { key, event, headers }: KeyedEvent): Promise<boolean> {
    headers.set('Nats-Msg-Id', messageId(key))
    const ack = await publish(requests, { subject: queued(key), headers, ...payloadOf(event) })
    if (ack.stored) return !ack.duplicate
    return ack.refusal === 'subject-taken' ? false : throwRefusal(ack)
  }

  /** A message of a batch. Its headers are made anew for each round, since the framing of the last one is in them. */
  function batchMessage({ key, event }: KeyedEvent): Outgoing {
    const headers = eventHeaders(event)
    headers.set('Nats-Msg-Id', messageId(key))
    return { subject: queued(key), headers, ...payloadOf(event) }
  }

  /** Stores what the queue does not have yet, all or nothing, and gives the keys of that. */
  async function storeFresh(requests: Requests, events: readonly KeyedEvent[]): Promise<ReadonlySet<string>> {
    let missing = events
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [first] = missing
      if (first === undefined) return new Set()
      if (missing.length === 1) return new Set((await storeOne(requests, first)) ? [first.key] : [])
      const messages = missing.map(batchMessage)
      const ack = await gate.run(() => publishBatch(requests, messages))
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
      const mine = { ...checked, key }
      if (!unique.has(key)) unique.set(key, mine)
      return mine
    })
    const fresh = await storeFresh(requests, [...unique.values()])
    return keyed.map((mine) => ({
      id: mine.event.attributes.id,
      key: mine.key,
      duplicate: !fresh.has(mine.key) || unique.get(mine.key) !== mine,
    }))
  }
}

function payloadOf({ data }: CheckedEvent['event']): Pick<Outgoing, 'payload'> {
  return data === undefined ? {} : { payload: data }
}

function isDuplicate({ refusal }: Extract<PubAck, { stored: false }>): boolean {
  return refusal === 'duplicate-in-batch' || refusal === 'subject-taken'
}

/** The events that are nowhere yet; looked up some at a time, since NATS answers a bounded number of requests at once. */
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
