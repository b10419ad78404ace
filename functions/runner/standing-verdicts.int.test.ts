import { join } from 'node:path'

import t, { type Test } from 'tap'

import { redrive } from '../dead-letters/redrive.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { publish } from '../jetstream/publish.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
import { readHistory, setLineage } from '../outcomes/history.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { eventKey, eventSubjects, resultSource, streamNames, type EventRef } from '../queues/names.ts'
import { NAK } from './dispatch/delivery.ts'
import { createRunnerMetrics } from './metrics.ts'
import { keyOf, newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
t.before(async () => (fixture = await startFixture(t)))

const LINEAGE = { hops: 3, root: 'r'.repeat(26) }
const NO_LIMIT = { limitMs: 10_000, signal: new AbortController().signal, onWait: () => undefined }

function outputTo(t: Test, schema: string): Readonly<Record<string, string>> {
  const file = join(t.testdir({ 'schema.json': schema }), 'schema.json')
  return { JOBICO_OUTPUT: JSON.stringify({ event: 'ev2', schema: file }) }
}

/** Hands an event over, as the runner of its cause does. */
async function handOver(ref: EventRef, event: CloudEvent, more: Readonly<Record<string, string>> = {}) {
  const headers = eventHeaders(event)
  setLineage(headers, LINEAGE)
  for (const [name, value] of Object.entries(more)) headers.set(name, value)
  const subject = eventSubjects(ref).record(keyOf(event), 'due')
  await publish(fixture.requests, { subject, headers, payload: event.data ?? '' })
}

/** Makes an event a dead letter, of which the reason is that it does not fit where its result goes. */
async function die(t: Test, ref: EventRef, event: CloudEvent): Promise<void> {
  const stop = await fixture.startHere(t, ref, outputTo(t, '{"type":"string"}'))
  await handOver(ref, event)
  t.match(await fixture.ended(ref, keyOf(event)), { state: 'dead', verdict: { code: 'OUTPUT_INVALID' } })
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  await stop()
}

/** Takes the next record that is due, and dies with it. */
async function takeAndDie(ref: EventRef): Promise<void> {
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${streamNames(ref).events}.${ref.event}`
  const options = { noMux: true, timeout: 10_000 }
  const { reply = '' } = await fixture.connection.request(subject, '{"batch":1}', options)
  fixture.connection.publish(reply, NAK)
}

t.test('a redriven dead letter goes on in its chain where it stood', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  const event = newEvent({ do: 'ok' })
  await die(t, ref, event)
  t.match(readHistory((await newestRecord(fixture.requests, ref, keyOf(event)))?.headers), LINEAGE)
  t.match(await redrive(fixture.connection, ref, { ...NO_LIMIT, filter: {}, rate: 100 }), { sent: 1 })
  await fixture.startHere(t, ref, outputTo(t, 'true'))
  t.equal((await fixture.ended(ref, keyOf(event))).state, 'done')
  const next = { ...ref, event: 'ev2' }
  const record = await newestRecord(fixture.requests, next, eventKey(resultSource(ref), keyOf(event)))
  t.match(readHistory(record?.headers), { hops: LINEAGE.hops + 1, root: LINEAGE.root })
})

const takings: readonly { readonly name: string; readonly deaths: number }[] = [
  { name: 'at once', deaths: 0 },
  { name: 'after its runner died', deaths: 1 },
  { name: 'after two runners died', deaths: 2 },
]

for (const { name, deaths } of takings)
  t.test(`a chain goes on past a dead letter that is kept, ${name}`, async (t) => {
    const ref = await fixture.newJob(['ev1', 'ev2'])
    const event = newEvent({ do: 'ok' })
    await die(t, ref, event)
    await handOver(ref, event)
    for (let death = 0; death < deaths; death++) await takeAndDie(ref)
    await fixture.startHere(t, ref, outputTo(t, 'true'))
    await until(async () => (await eventState(fixture.requests, ref, keyOf(event))).state !== 'pending')
    t.equal((await eventState(fixture.requests, ref, keyOf(event))).state, 'done')
    const next = { ...ref, event: 'ev2' }
    t.ok(await newestRecord(fixture.requests, next, eventKey(resultSource(ref), keyOf(event))), 'handed over')
  })

t.test('a retry that was left behind by attempts with an outcome does not run', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  const event = newEvent({ do: 'ok' })
  await die(t, ref, event)
  const letter = await newestRecord(fixture.requests, ref, keyOf(event))
  const left = { [JOBICO_HEADERS.write]: 'x.1', [JOBICO_HEADERS.suspect]: '1', [JOBICO_HEADERS.since]: '1' }
  await handOver(ref, event, left)
  await fixture.startHere(t, ref, outputTo(t, 'true'))
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  t.same(await newestRecord(fixture.requests, ref, keyOf(event)), letter, 'its outcome stands')
})

t.test('the attempts of a hand-over that fails are counted from it on', async (t) => {
  const ref = await fixture.newJob(['ev1', 'ev2'])
  const event = newEvent({ do: 'trap' })
  const stop = await fixture.startHere(t, ref)
  await handOver(ref, event)
  await fixture.ended(ref, keyOf(event))
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  const first = await newestRecord(fixture.requests, ref, keyOf(event))
  await stop()
  await handOver(ref, event)
  await takeAndDie(ref)
  await fixture.startHere(t, ref)
  await until(async () => {
    const newest = await newestRecord(fixture.requests, ref, keyOf(event))
    return newest?.kind === 'dead' && newest.seq !== first?.seq
  })
  t.match(await eventState(fixture.requests, ref, keyOf(event)), {
    verdict: { code: 'MODULE_TRAP', attempts: 3 },
  })
})

t.test('a runner that is done with an event too late says that its dead letter stands', async (t) => {
  const ref = await fixture.newJob()
  const event = newEvent({ do: 'ok' })
  const key = keyOf(event)
  const reports: string[] = []
  const metrics = {
    ...createRunnerMetrics(() => 0),
    report: ({ kind }: { kind: string }) => void reports.push(kind),
  }
  const dead = eventHeaders(event)
  for (const [name, value] of [
    [JOBICO_HEADERS.verdict, 'dead'],
    [JOBICO_HEADERS.code, 'TIMEOUT'],
  ] as const)
    dead.set(name, value)
  await publish(fixture.requests, {
    subject: eventSubjects(ref).record(key, 'dead'),
    headers: dead,
    payload: event.data ?? '',
  })
  await fixture.accept(ref, event)
  await fixture.startHere(t, ref, {}, { metrics })
  await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
  t.same(reports, ['late'])
  t.match(await eventState(fixture.requests, ref, key), { state: 'dead', verdict: { code: 'TIMEOUT' } })
  const registry = createRunnerMetrics(() => 0)
  registry.report({ kind: 'late' })
  t.match(await registry.registry.metrics(), 'jobico_runner_events_total{outcome="late"} 1')
})
