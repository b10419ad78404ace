import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { readBacklog } from '../queues/backlog.ts'
import { sizeLimit } from '../cloudevents/nats-binding.ts'
import { readDeadLetters, type DeadLetterFilter } from './dead-letters.ts'
import { listDeadLetters, scanDeadLetters } from './scan.ts'
import { eventSubjects, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import {
  keyOf,
  MiB,
  newIds,
  startNatsFixture,
  traceOf,
  writer,
  type NatsFixture,
} from '../../scripts/testing/nats.fixture.ts'
import { connectNats } from '../jetstream/connection.ts'
import { publish } from '../jetstream/publish.ts'
import { planPurge, purgeDeadLetters } from './purge.ts'
import { removeConsumers } from '../queues/consumers.ts'
import { closeQueue, ensureQueues } from '../queues/lifecycle.ts'
import { redrive, type RedriveOptions } from './redrive.ts'
import { createRequests } from '../jetstream/requests.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
import { deleteMessage, lastMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

let nats: NatsFixture
t.before(async () => (nats = await startNatsFixture(t)))

const FAST = 10_000
const NOTHING = { sent: 0, pending: 0, refused: 0, reasons: new Map(), missing: [], stopped: undefined }

function work(more: Partial<RedriveOptions> = {}): RedriveOptions {
  return {
    filter: {},
    rate: FAST,
    limitMs: 60_000,
    signal: new AbortController().signal,
    onWait: () => undefined,
    ...more,
  }
}

async function newJob(events?: readonly string[]): Promise<EventRef> {
  const { ref } = await nats.newJob(events)
  return { ...ref, event: 'ev1' }
}

async function idsOf(ref: JobRef, filter: DeadLetterFilter, upTo?: number): Promise<string[]> {
  const ids: string[] = []
  const options = { filter, ...(upTo === undefined ? {} : { upTo }) }
  for await (const { letter } of scanDeadLetters(nats.connection, ref, options)) ids.push(letter.id)
  return ids
}

/** Takes what was redriven as a runner does, and ends it as done or dead again. */
async function runRedriven(ref: EventRef, id: string, kind: 'done' | 'dead'): Promise<void> {
  const { requests } = nats
  const { events } = streamNames(ref)
  const copy = await lastMessage(requests, events, eventSubjects(ref).record(keyOf(id), 'due'))
  if (kind === 'done') await nats.done(ref, id, copy?.seq ?? 0)
  else await nats.deadLetter(ref, id)
  await deleteMessage(requests, events, Number(copy?.headers?.get(JOBICO_HEADERS.redrive)))
  await deleteMessage(requests, events, copy?.seq ?? 0)
}

t.test('letters are gone through by event, code, time and key', async (t) => {
  const ev1 = await newJob(['ev1', 'ev2'])
  const ev2 = { ...ev1, event: 'ev2' }
  await nats.deadLetter(ev1, 'a', { time: '2026-01-01T00:00:00.000Z' })
  await nats.deadLetter(ev1, 'b', { time: '2026-01-02T00:00:00.000Z', code: 'TIMEOUT' })
  await nats.deadLetter(ev2, 'b', { time: '2026-01-03T00:00:00.000Z', code: 'MODULE_TRAP' })
  const upTo = await nats.deadLetter(ev2, 'c', { time: '2026-01-04T00:00:00.000Z', code: 'TIMEOUT' })
  const day = (n: number) => Date.parse(`2026-01-0${n}T00:00:00.000Z`)
  const cases: readonly { readonly filter: DeadLetterFilter; readonly want: readonly string[] }[] = [
    { filter: {}, want: ['a', 'b', 'b', 'c'] },
    { filter: { event: 'ev2' }, want: ['b', 'c'] },
    { filter: { event: 'ev' }, want: [] },
    { filter: { codes: ['TIMEOUT'] }, want: ['b', 'c'] },
    { filter: { codes: ['TIMEOUT', 'REJECTED'], before: day(4) }, want: ['a', 'b'] },
    { filter: { since: day(2), before: day(4) }, want: ['b', 'b'] },
    { filter: { keys: [keyOf('b'), keyOf('none'), keyOf('b')] }, want: ['b', 'b'] },
    { filter: { keys: [keyOf('a'), keyOf('c')], event: 'ev2' }, want: ['c'] },
  ]
  for (const { filter, want } of cases) {
    t.same(await idsOf(ev1, filter), want, JSON.stringify(filter))
    const { letters, total } = await listDeadLetters(nats.connection, ev1, { ...filter, limit: 1 })
    t.match({ letters, total }, { letters: want.slice(-1).map((id) => ({ id })), total: want.length })
  }
  t.same(await idsOf(ev1, {}, upTo - 1), ['a', 'b', 'b'], 'no further than it is told')
})

t.test('all about a dead letter', async (t) => {
  const { requests } = nats
  const ev1 = await newJob(['ev1', 'ev2'])
  const errors = [{ attempt: 1, code: 'TIMEOUT', reason: 'too long' }] as const
  await nats.deadLetter(ev1, 'a', { errors, code: 'TIMEOUT' }, '{"n":1}')
  await nats.deadLetter({ ...ev1, event: 'ev2' }, 'a')
  t.match(await readDeadLetters(requests, ev1, keyOf('a')), [
    {
      letter: { event: 'ev1', key: keyOf('a'), code: 'TIMEOUT', attempts: 2, module: 'sha256-0' },
      errors,
      cloudEvent: {
        attributes: { id: 'a' },
        data: Buffer.from('{"n":1}'),
        trace: { traceparent: traceOf('a') },
      },
      isPending: false,
    },
    { letter: { event: 'ev2' } },
  ])
  await redrive(nats.connection, ev1, work({ filter: { event: 'ev1' } }))
  t.match(await readDeadLetters(requests, ev1, keyOf('a')), [{ isPending: true }, { isPending: false }])
  await runRedriven(ev1, 'a', 'done')
  t.match(await readDeadLetters(requests, ev1, keyOf('a')), [{ letter: { event: 'ev2' } }])
  t.same(await readDeadLetters(requests, ev1, keyOf('b')), [])
  await t.rejects(readDeadLetters(requests, { ...ev1, job: 'none' }, keyOf('a')), { code: 'NOT_FOUND' })
})

t.test('a redrive sends all that is dead, once, over several pages, and deletes nothing', async (t) => {
  const { connection } = nats
  const ref = await newJob()
  const count = 1_100
  const ids = ['7', '8', '9', ...newIds(count - 3)]
  await nats.deadLetterMany(ref, ids)
  const verdict = await newestRecord(nats.requests, ref, keyOf('7'))
  const wouldSend: string[] = []
  const dry = work({ dryRun: true, onLetter: ({ id }) => void wouldSend.push(id) })
  t.same(await redrive(connection, ref, dry), { ...NOTHING, sent: count })
  t.same(wouldSend.sort(), [...ids].sort())
  t.same(await nats.messages(ref), [0, count], 'a dry run sends nothing')

  const lefts: number[] = []
  const options = work({ onProgress: ({ left }) => void lefts.push(left) })
  t.same(await redrive(connection, ref, options), { ...NOTHING, sent: count })
  t.same(await nats.messages(ref), [0, 2 * count])
  t.equal(lefts.at(-1), 0, 'it knows how much is left')
  t.match(await newestRecord(nats.requests, ref, keyOf('7')), {
    data: Buffer.from('{"big":"data"}'),
  })
  t.match(await eventState(nats.requests, ref, keyOf('7')), { state: 'pending' })
  t.match(await readBacklog(connection, ref), { pending: count, dead: count })

  t.same(await redrive(connection, ref, work()), { ...NOTHING, pending: count }, 'again: all are pending')
  t.same(await nats.messages(ref), [0, 2 * count])

  await runRedriven(ref, '7', 'done')
  await runRedriven(ref, '8', 'dead')
  const filter = { keys: ['7', '8', '9'].map(keyOf) }
  t.same(
    await redrive(connection, ref, work({ filter })),
    { ...NOTHING, sent: 1, pending: 1, missing: [keyOf('7')] },
    'done, dead again, pending still',
  )
  t.notSame((await newestRecord(nats.requests, ref, keyOf('7')))?.seq, verdict?.seq)
})

t.test('what dies while a redrive goes on is not sent again by it', async (t) => {
  const ref = await newJob()
  await nats.deadLetterMany(ref, newIds(100))
  const dying: Promise<void>[] = []
  const onLetter = ({ id }: { id: string }) => void dying.push(runRedriven(ref, id, 'dead'))
  t.same(await redrive(nats.connection, ref, work({ rate: 500, onLetter })), { ...NOTHING, sent: 100 })
  await Promise.all(dying)
  t.same(await nats.messages(ref), [0, 100])
})

t.test('a redrive that is interrupted says so, and the next one sends what is left', async (t) => {
  const { connection } = nats
  const ref = await newJob()
  await nats.deadLetterMany(ref, newIds(200))
  const stop = new AbortController()
  const onProgress = ({ sent }: { sent: number }) => {
    if (sent === 50) stop.abort()
  }
  const first = await redrive(connection, ref, work({ rate: 500, signal: stop.signal, onProgress }))
  t.equal(first.stopped, 'it was interrupted')
  t.ok(first.sent >= 50 && first.sent < 200, `${first.sent} were sent`)
  t.equal((await nats.messages(ref))[1], 200 + first.sent, 'as many as it says')
  const rest = { ...NOTHING, sent: 200 - first.sent, pending: first.sent }
  t.same(await redrive(connection, ref, work()), rest)
  t.equal((await nats.messages(ref))[1], 400)
})

t.test('a redrive outlives NATS, and sends nothing twice', async (t) => {
  const storeDir = testFolder(t)
  const server = await startNatsServer({ storeDir })
  const connection = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(connection)
  const ref = { namespace: 'shared', job: 'away', event: 'ev1' }
  await ensureQueues(connection, { ...nats.newPlan(), ref })
  await writer(requests).deadLetterMany(ref, newIds(300))
  const waits = new Set<string>()
  let restarted: Promise<{ stop(): Promise<void> }> | undefined
  const restart = async () => {
    process.kill(server.pid, 'SIGKILL')
    await server.ended
    while (waits.size === 0) await delay(5)
    return await startNatsServer({ storeDir, port: server.port })
  }
  const onProgress = ({ sent }: { sent: number }) => {
    if (sent >= 100) restarted ??= restart()
  }
  const onWait = (reason: string) => void waits.add(reason)
  const redriven = await redrive(connection, ref, work({ rate: 500, onProgress, onWait }))
  const again = await restarted
  t.teardown(async () => {
    requests.close()
    await connection.close()
    await again?.stop()
  })
  t.match(redriven, { refused: 0, stopped: undefined })
  t.equal(redriven.sent + redriven.pending, 300)
  t.ok(waits.size > 0, [...waits].join(', '))
  t.match(await readBacklog(connection, ref), { pending: 300, dead: 300 })
})

t.test('a NATS that stays away ends a redrive with what was sent', async (t) => {
  const server = await startNatsServer({ storeDir: testFolder(t) })
  const connection = await connectNats({ url: server.url, name: 'test' })
  t.teardown(() => connection.close())
  const ref = { namespace: 'shared', job: 'gone', event: 'ev1' }
  await ensureQueues(connection, { ...nats.newPlan(), ref })
  const requests = createRequests(connection)
  await writer(requests).deadLetterMany(ref, newIds(20))
  requests.close()
  let stopping: Promise<void> | undefined
  const onProgress = () => {
    stopping ??= server.stop()
  }
  const { sent, stopped } = await redrive(connection, ref, work({ rate: 50, limitMs: 300, onProgress }))
  t.match(stopped, /NATS|JetStream/)
  t.ok(sent < 20)
  await stopping
})

t.test('a redrive leaves room among the retries for the runners', async (t) => {
  const ref = await newJob()
  const big = 'x'.repeat(sizeLimit(MiB))
  for (const id of ['a', 'b', 'c', 'd', 'e']) await nats.deadLetter(ref, id, {}, big)
  for (const id of ['f', 'g', 'h', 'i', 'j', 'k', 'l'])
    await publish(nats.requests, { subject: eventSubjects(ref).record(id, 'due'), payload: big })
  const waits = new Set<string>()
  const onWait = (reason: string) => void waits.add(reason)
  const full = await redrive(nats.connection, ref, work({ limitMs: 200, onWait }))
  t.match(full, { sent: 0, stopped: /runners have not yet taken/ })
  t.ok(waits.size > 0)
  let drained: Promise<unknown> | undefined
  const drain = () =>
    (drained ??= nats.manager.streams.purge(streamNames(ref).events, {
      filter: eventSubjects(ref).record('*', 'due'),
    }))
  const options = work({
    onWait() {
      void drain()
    },
  })
  t.match(await redrive(nats.connection, ref, options), { sent: 5, stopped: undefined }, 'once there is room')
})

t.test('what nobody would run is not sent', async (t) => {
  const { connection } = nats
  const ref = await newJob(['ev1', 'ev2'])
  await nats.deadLetter(ref, 'a')
  await nats.deadLetter({ ...ref, event: 'ev2' }, 'b')
  await removeConsumers(connection, ref, 'ev2')
  t.match(await redrive(connection, ref, work()), {
    ...{ sent: 1, refused: 1, missing: [] },
    reasons: new Map([[keyOf('b'), 'no runner takes the event ev2; add it to the Job again']]),
  })
  await closeQueue(connection, ref)
  const deleted = {
    code: 'NOT_FOUND',
    message: /is deleted, so nothing would run .* create it again first/,
  }
  await t.rejects(redrive(connection, ref, work()), deleted)
  await t.rejects(redrive(connection, { ...ref, job: 'none' }, work()), { code: 'NOT_FOUND' })
})

t.test('a purge deletes what was planned, and nothing else', async (t) => {
  const { connection, requests } = nats
  const ref = await newJob(['ev1', 'ev2'])
  for (const id of ['a', 'b', 'pending', 'done', 'again']) await nats.deadLetter(ref, id)
  await nats.deadLetter({ ...ref, event: 'ev2' }, 'a', { code: 'TIMEOUT' })
  await nats.deadLetter(ref, 'old', { time: '2020-01-01T00:00:00.000Z' })
  const redriven = ['pending', 'done', 'again']
  await redrive(connection, ref, work({ filter: { keys: redriven.map(keyOf) } }))
  const plan = await planPurge(connection, ref, work({ filter: { since: Date.parse('2021-01-01') } }))
  t.match(plan, {
    counts: [
      { event: 'ev1', code: 'REJECTED', letters: 2 },
      { event: 'ev2', code: 'TIMEOUT', letters: 1 },
    ],
    ...{ total: 3, pending: 3, missing: [] },
  })
  await runRedriven(ref, 'done', 'done')
  await runRedriven(ref, 'again', 'dead')
  await nats.deadLetter(ref, 'later')
  const options = { ...work({ filter: { since: Date.parse('2021-01-01') } }), upTo: plan.upTo }
  t.same(await purgeDeadLetters(connection, ref, options), { deleted: 3, pending: 1, stopped: undefined })
  const state = async (id: string, event = 'ev1') =>
    (await eventState(requests, { ...ref, event }, keyOf(id))).state
  t.equal(await state('a'), 'unknown')
  t.equal(await state('a', 'ev2'), 'unknown')
  t.equal(await state('b'), 'unknown')
  t.equal(await state('pending'), 'pending')
  t.equal(await state('done'), 'done')
  t.equal(await state('again'), 'dead', 'it died once more after the plan')
  t.equal(await state('later'), 'dead')
  t.equal(await state('old'), 'dead', 'the filter was not for it')
  t.match(await readBacklog(connection, ref), { pending: 1, dead: 4 }, 'and no body is left over')

  await runRedriven(ref, 'pending', 'done')
  t.same(await purgeDeadLetters(connection, ref, { ...work(), upTo: Infinity }), {
    deleted: 3,
    pending: 0,
    stopped: undefined,
  })
  t.match(await readBacklog(connection, ref), { pending: 0, dead: 0 })
})

t.test('a purge that is broken off leaves whole letters', async (t) => {
  const { connection } = nats
  const ref = await newJob()
  await nats.deadLetterMany(ref, newIds(100))
  const stop = new AbortController()
  stop.abort()
  const all = { ...work(), upTo: Infinity }
  t.match(await purgeDeadLetters(connection, ref, { ...all, signal: stop.signal }), {
    ...{ deleted: 0, stopped: 'it was interrupted' },
  })
  t.match(await purgeDeadLetters(connection, ref, all), { deleted: 100, stopped: undefined })
  t.same(await nats.messages(ref), [0, 0])
})

t.test('what was purged does not come back when the server is killed', async (t) => {
  const storeDir = testFolder(t)
  let server = await startNatsServer({ storeDir })
  const link = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(link)
  t.teardown(async () => {
    requests.close()
    await link.close()
    await server.stop()
  })
  const ref = { namespace: 'shared', job: 'killed', event: 'ev1' }
  await ensureQueues(link, { ...nats.newPlan(), ref })
  const { events } = streamNames(ref)
  const { deadLetter } = writer(requests)
  for (const id of newIds(100)) {
    const first = await deadLetter(ref, id)
    await deadLetter(ref, id) // redriven, and dead again
    await deleteMessage(requests, events, first)
  }
  t.match(await purgeDeadLetters(link, ref, { ...work(), upTo: Infinity }), { deleted: 100 })
  process.kill(server.pid, 'SIGKILL')
  await server.ended
  server = await startNatsServer({ storeDir, port: server.port })
  while (!requests.isOnline()) await delay(5)
  const options = work({ limitMs: 10_000 })
  t.match(await planPurge(link, ref, options), { total: 0 })
  t.match(await readBacklog(link, ref), { pending: 0, dead: 0 })
})
