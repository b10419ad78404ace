import { headers } from '@nats-io/transport-node'
import t from 'tap'

import { eventSubjects, streamNames, type EventRef } from '../../queues/names.ts'
import { expectNewest, publish, type PubAck } from '../../jetstream/publish.ts'
import { startNatsFixture, type NatsFixture } from '../../../scripts/testing/nats.fixture.ts'
import { createBatcher, type Batcher } from './batcher.ts'

/** A verdict that is the first of its event, and what it hands over. */
function pair(ref: EventRef, key: string, bytes = 10) {
  const first = headers()
  const { record, records } = eventSubjects(ref)
  expectNewest(first, records(key), 0)
  return [
    { subject: record(key, 'done'), headers: first },
    { subject: record(`next-${key}`, 'due'), payload: 'x'.repeat(bytes) },
  ]
}

const summary = (acks: readonly PubAck[]) =>
  acks.map((ack) => (ack.stored ? 'stored' : ack.refusal)).sort((a, b) => a.localeCompare(b))

let nats: NatsFixture
t.before(async () => {
  nats = await startNatsFixture(t)
})

async function start(): Promise<{ readonly ref: EventRef; readonly batcher: Batcher }> {
  const { ref } = await nats.newJob()
  return { ref: { ...ref, event: 'ev1' }, batcher: createBatcher(nats.requests) }
}

t.test('what comes at once is stored in few batches', async (t) => {
  const { ref, batcher } = await start()
  const acks = await Promise.all(Array.from({ length: 1_200 }, (_, n) => batcher(pair(ref, `k${n}`))))
  t.ok(acks.every(({ stored }) => stored))
  t.equal((await nats.manager.streams.info(streamNames(ref).events)).state.messages, 2_400)
})

t.test('two of one subject do not share a batch', async (t) => {
  const { ref, batcher } = await start()
  const acks = await Promise.all(['a', 'b', 'b'].map((key) => batcher(pair(ref, key))))
  t.same(summary(acks), ['stored', 'stored', 'wrong-sequence'])
})

t.test('one that is refused takes its batch with it, and nothing of that is stored', async (t) => {
  const { ref, batcher } = await start()
  await publish(nats.requests, { subject: eventSubjects(ref).record('b', 'done') })
  const [alone, ...together] = await Promise.all(
    ['first', 'a', 'b', 'c'].map((key) => batcher(pair(ref, key))),
  )
  t.match(alone, { stored: true }, 'the first goes at once')
  t.same(summary(together), ['wrong-sequence', 'wrong-sequence', 'wrong-sequence'])
  t.same(summary(await Promise.all(['a', 'c'].map((key) => batcher(pair(ref, key))))), ['stored', 'stored'])
})

t.test('one that is too large fails alone', async (t) => {
  const { ref, batcher } = await start()
  const most = nats.requests.maxPayload()
  const all = await Promise.allSettled([
    batcher(pair(ref, 'a')),
    batcher(pair(ref, 'b', most + 1)),
    batcher(pair(ref, 'c')),
  ])
  t.match(all, [
    { value: { stored: true } },
    { status: 'rejected', reason: { code: 'TOO_LARGE' } },
    { value: { stored: true } },
  ])
})

t.test('many large ones are spread over batches', async (t) => {
  const { ref, batcher } = await start()
  const acks = await Promise.all(Array.from({ length: 7 }, (_, n) => batcher(pair(ref, `k${n}`, 900_000))))
  t.ok(acks.every(({ stored }) => stored))
})
