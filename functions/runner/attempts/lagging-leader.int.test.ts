import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import { publish } from '../../jetstream/publish.ts'
import { eventState } from '../../outcomes/event-state.ts'
import { eventSubjects, streamNames, type EventRef } from '../../queues/names.ts'
import type { Delivery } from '../dispatch/delivery.ts'
import { createRoom } from '../dispatch/room.ts'
import { keyOf, newEvent, startFixture } from '../runner.fixture.ts'
import { processDelivery, type AttemptContext } from './attempt.ts'
import { createServerClock } from './server-clock.ts'
import { createSettlement } from './settlement.ts'

/*
 * In a cluster, the server of a consumer may deliver a record before the leader of the stream has stored it. Here the record
 * is delivered, and stored later or not at all.
 */

const fixture = await startFixture(t)
const { requests } = fixture
const event = newEvent({ do: 'ok' })
const key = keyOf(event)

async function contextOf(ref: EventRef): Promise<AttemptContext & { executions(): number }> {
  const clock = await createServerClock(requests, streamNames(ref).queue, ref.event)
  const room = await createRoom(requests, ref)
  t.teardown(() => room.close())
  const signal = new AbortController().signal
  const times = { doneRetentionSeconds: 60, deadRetentionSeconds: 60 }
  let executions = 0
  return {
    ref,
    settlement: createSettlement({ ...times, ref, requests, clock, room, signal }),
    retry: { maxAttempts: 3, minDelayMs: 20, maxDelayMs: 50 },
    ...{ timeoutMs: 500, attemptLimitMs: 10_000, module: 'digest', output: undefined, emits: new Map() },
    maxResultBytes: () => 2 ** 20,
    now: clock.now,
    acquireSlot: () => Promise.resolve(() => undefined),
    execute: () => {
      executions++
      return Promise.resolve({ outcome: { kind: 'ok', data: undefined }, durationMs: 1 })
    },
    settled: () => undefined,
    executions: () => executions,
  }
}

/** A job whose event has a retry, and the delivery of what that becomes when it is due. */
async function deliverBeforeStored(deliveries: number) {
  const ref = await fixture.newJob()
  const { record } = eventSubjects(ref)
  const message = (kind: 'later' | 'due') => ({
    subject: record(key, kind),
    headers: eventHeaders(event),
    payload: event.data ?? '',
  })
  const retry = await publish(requests, message('later'))
  if (!retry.stored) throw new Error(retry.description)
  const delivery: Delivery = {
    ...{ source: 'events', key, seq: retry.seq + 1, deliveries, ackSubject: 'nowhere' },
    headers: eventHeaders(event),
    data: event.data ?? new Uint8Array(),
  }
  return { ref, delivery, store: () => publish(requests, message('due')) }
}

for (const deliveries of [1, 2])
  t.test(
    `a record that is delivered before it is stored, for time ${deliveries}, has its outcome`,
    async (t) => {
      const { ref, delivery, store } = await deliverBeforeStored(deliveries)
      const context = await contextOf(ref)
      const report = processDelivery(context, delivery)
      await delay(300) // in which it is refused, or looked for, more than once
      await store()
      t.match(await report, { kind: 'done' })
      t.equal(context.executions(), 1)
      t.match(await eventState(requests, ref, key), { state: 'done' })
    },
  )

for (const deliveries of [1, 2])
  t.test(
    `a record that is not stored in time, for time ${deliveries}, is handed back, and stays`,
    async (t) => {
      const { ref, delivery, store } = await deliverBeforeStored(deliveries)
      t.match(await processDelivery(await contextOf(ref), delivery), { kind: 'handed-back' })
      await store()
      t.match(await eventState(requests, ref, key), { state: 'pending' })
      t.equal(await fixture.messages(streamNames(ref).events), 2)
    },
  )
