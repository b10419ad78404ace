import { AckPolicy, jetstream } from '@nats-io/jetstream'
import t from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { connectNats } from '../jetstream/connection.ts'
import { closedSubject, eventSubjects, streamNames, type JobRef } from './names.ts'
import { MiB, startNatsFixture, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { publish } from '../jetstream/publish.ts'
import { deleteMessage } from '../jetstream/stored-message.ts'
import { readBacklog } from './backlog.ts'
import { removeConsumers } from './consumers.ts'
import { closeQueue, deleteQueues, ensureQueues, listQueues } from './lifecycle.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'

let nats: NatsFixture
t.before(async () => (nats = await startNatsFixture(t)))

/** What was asked of JetStream during a step, but for questions that change nothing. */
async function writesOf(step: () => Promise<unknown>): Promise<string[]> {
  const { connection } = nats
  const calls: string[] = []
  const spy = connection.subscribe('$JS.API.>', {
    callback: (_fault, { subject }) => void calls.push(subject),
  })
  await step()
  await connection.flush()
  spy.unsubscribe()
  return calls.filter((subject) => !/\.(INFO|LIST|GET)\b/.test(subject))
}

async function heldAs({ job }: JobRef) {
  const found = (await listQueues(nats.connection)).filter(({ ref }) => ref.job === job)
  const alone = await listQueues(nats.connection, (stream) => stream.includes(`_${job}_`))
  t.same(alone, found, 'only the streams that are wanted')
  return found[0]
}

t.test('streams and consumers are made once, and brought to a new plan', async (t) => {
  const { connection, manager } = nats
  const plan = await nats.newJob()
  const names = streamNames(plan.ref)
  t.match((await manager.streams.info(names.queue)).config, {
    retention: 'limits',
    discard: 'new',
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
    allow_atomic: true,
    max_bytes: 8 * MiB,
    metadata: { 'jobico.coeux.dev/uid': 'abc', 'jobico.coeux.dev/job': plan.ref.job },
  })
  t.match((await manager.streams.info(names.events)).config, {
    retention: 'limits',
    discard: 'old',
    max_msgs_per_subject: -1,
    allow_msg_schedules: true,
    allow_msg_ttl: true,
    allow_atomic: true,
    max_bytes: -1,
  })
  t.match((await manager.consumers.info(names.queue, 'ev1')).config, {
    max_deliver: -1,
    ack_wait: 10e9,
    max_ack_pending: 100_000,
    num_replicas: 1,
  })
  t.same(await writesOf(() => ensureQueues(connection, plan)), [], 'the same plan writes nothing')

  const wider = {
    ...plan,
    queue: { ...plan.queue, maxBytes: 16 * MiB },
    events: ['ev1', 'ev2'],
  }
  await nats.accept({ ...plan.ref, event: 'ev1' }, '1')
  await ensureQueues(connection, wider)
  const changed = await manager.streams.info(names.queue)
  t.equal(changed.config.max_bytes, 16 * MiB)
  t.ok(await manager.consumers.info(names.events, 'ev2'))
  const narrow = { ...wider, queue: { ...plan.queue, maxBytes: 1 } }
  await ensureQueues(connection, narrow)
  t.same(await nats.messages({ ...plan.ref, event: 'ev1' }), [1, 0], 'what is stored stays, whatever fits')

  await manager.consumers.delete(names.queue, 'ev1')
  await manager.streams.delete(names.events)
  await ensureQueues(connection, narrow)
  t.ok(await manager.consumers.info(names.queue, 'ev1'), 'what somebody took away is made again')
  t.ok(await manager.streams.info(names.events))
  t.ok(await manager.consumers.info(names.events, 'ev1'))
})

t.test('what NATS refuses, it says with figures and a fix', async (t) => {
  const { connection } = nats
  const plan = nats.newPlan()
  const withQueue = (queue: object) =>
    ensureQueues(connection, { ...plan, queue: { ...plan.queue, ...queue } })
  await t.rejects(withQueue({ maxBytes: 2 ** 52 }), {
    code: 'STREAM_REFUSED',
    message: /JOBICO_shared_.*insufficient storage.*wants 4Pi.* reserved .*spec\.queue\.maxBytes/,
    members: { wanted: 2 ** 52, limit: undefined },
  })
  await t.rejects(withQueue({ maxBytes: 2 ** 52, storage: 'Memory' }), {
    code: 'STREAM_REFUSED',
    message: /insufficient memory.*wants 4Pi/,
    members: { wanted: 2 ** 52, reserved: 0 },
  })
  await t.rejects(withQueue({ replicas: 3 }), {
    code: 'STREAM_REFUSED',
    message: /kept in 3 copies.*spec\.queue\.replicas/,
  })
  await ensureQueues(connection, plan)
  await t.rejects(
    withQueue({ maxBytes: 2 ** 52 }),
    { code: 'STREAM_REFUSED', message: /wants 4Pi/ },
    'a change, too',
  )
  await t.rejects(withQueue({ storage: 'Memory' }), {
    code: 'STREAM_REFUSED',
    message: /is in File storage.*storage: File/,
  })
  await ensureQueues(connection, plan)
  await nats.manager.consumers.add(streamNames(plan.ref).queue, {
    durable_name: 'ev2',
    ack_policy: AckPolicy.None,
  })
  await t.rejects(ensureQueues(connection, { ...plan, events: ['ev2'] }), {
    code: 'STREAM_REFUSED',
    message: /refused the consumer ev2 of the stream JOBICO_shared_/,
  })
  const other = nats.newPlan()
  const taken = eventSubjects({ ...other.ref, event: 'ev1' }).queued('x')
  await nats.manager.streams.add({ name: 'foreign', subjects: [taken] })
  await t.rejects(ensureQueues(connection, other), {
    code: 'STREAM_REFUSED',
    message: /another stream takes its subjects/,
  })
})

t.test('a closed queue takes nothing in, is worked off, and opens again', async (t) => {
  const { connection } = nats
  const plan = await nats.newJob()
  const ref = { ...plan.ref, event: 'ev1' }
  await nats.accept(ref, '1')
  await nats.accept(ref, '2')
  await closeQueue(connection, ref)
  t.same(await writesOf(() => closeQueue(connection, ref)), [], 'once is enough')
  await t.rejects(nats.accept(ref, '3'), { code: 'QUEUE_UNAVAILABLE' })
  const consumer = await jetstream(connection).consumers.get(streamNames(ref).queue, 'ev1')
  const message = await consumer.next()
  t.ok(message, 'what is stored is still delivered')
  t.ok(await deleteMessage(nats.requests, streamNames(ref).queue, message?.seq ?? 0))
  t.same(await nats.messages(ref), [1, 0])
  t.match(await heldAs(plan.ref), { uid: 'abc', closed: true })

  const successor = { ...plan, metadata: { 'jobico.coeux.dev/uid': 'def' } }
  await ensureQueues(connection, successor)
  t.match(
    await heldAs(ref),
    { ref: plan.ref, uid: 'def', closed: false },
    'taken over by a Job of the same name',
  )
  await nats.accept(ref, '3')
  t.same(await nats.messages(ref), [2, 0])
  t.same(await writesOf(() => ensureQueues(connection, successor)), [])
})

t.test('streams are deleted only when nothing is pending or dead in them', async (t) => {
  const { connection, manager, requests } = nats
  const plan = await nats.newJob()
  const ref = { ...plan.ref, event: 'ev1' }
  const names = streamNames(ref)
  await nats.accept(ref, '1')
  await nats.park(ref, 'k')
  await nats.done(ref, '2')
  await nats.deadLetter(ref, '3')
  t.same(await deleteQueues(connection, ref), { deleted: false, pending: 2, dead: 1 })
  await t.rejects(nats.accept(ref, '4'), { code: 'QUEUE_UNAVAILABLE' }, 'closed all the same')
  await manager.streams.purge(names.queue)
  t.same(
    await deleteQueues(connection, ref),
    { deleted: false, pending: 1, dead: 1 },
    'one that waits for its time counts',
  )
  await manager.streams.purge(names.events, { filter: eventSubjects(ref).record('*', 'later') })
  t.same(await deleteQueues(connection, ref), { deleted: false, pending: 0, dead: 1 })
  await manager.streams.purge(names.events, { filter: eventSubjects(ref).record('*', 'dead') })
  t.ok((await publish(requests, { subject: closedSubject(ref) })).stored, 'a barrier that was left behind')
  t.same(await deleteQueues(connection, ref), { deleted: true })
  for (const name of Object.values<string>({ ...names }))
    await t.rejects(manager.streams.info(name), { message: /not found/ })
  t.same(await deleteQueues(connection, ref), { deleted: true }, 'none is no fault')
  await closeQueue(connection, ref)

  const half = await nats.newJob()
  await manager.streams.delete(streamNames(half.ref).queue)
  t.match(await heldAs(half.ref), { closed: true }, 'what was deleted in part is listed')
  t.same(await deleteQueues(connection, half.ref), { deleted: true })
  t.equal(await heldAs(half.ref), undefined)
})

t.test('what is acknowledged while a queue is closed and deleted is not lost', async (t) => {
  const { connection } = nats
  for (let round = 0; round < 20; round++) {
    const plan = await nats.newJob()
    const ref = { ...plan.ref, event: 'ev1' }
    const accepted = Array.from({ length: 50 }, (_, id) =>
      nats.accept(ref, String(id)).then(
        () => 1,
        () => 0,
      ),
    )
    const end = await deleteQueues(connection, ref)
    const stored = (await Promise.all(accepted)).reduce((all, one) => all + one, 0)
    const kept = end.deleted ? 0 : (await readBacklog(connection, ref))?.pending
    t.equal(kept, stored, `of ${stored} accepted`)
  }
})

t.test('a barrier goes when the queue opens again', async (t) => {
  const { connection, requests } = nats
  const plan = await nats.newJob()
  const ref = { ...plan.ref, event: 'ev1' }
  await closeQueue(connection, ref)
  t.ok((await publish(requests, { subject: closedSubject(ref) })).stored)
  await ensureQueues(connection, plan)
  t.same(await nats.messages(ref), [0, 0])
})

t.test('the consumers of an event go, and none is no fault', async (t) => {
  const { connection, manager } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2'])
  await removeConsumers(connection, ref, 'ev1')
  await removeConsumers(connection, ref, 'ev1')
  for (const stream of Object.values<string>({ ...streamNames(ref) })) {
    await t.rejects(manager.consumers.info(stream, 'ev1'), { message: /not found/ })
    t.ok(await manager.consumers.info(stream, 'ev2'))
  }
  await removeConsumers(connection, { ...ref, job: 'none' }, 'ev1')
})

t.test('nobody waits for a NATS that is gone', async (t) => {
  const other = await startNatsServer({ storeDir: testFolder(t) })
  const link = await connectNats({ url: other.url, name: 'test' })
  t.teardown(() => link.close())
  const plan = nats.newPlan()
  await other.stop()
  const steps: readonly Promise<void>[] = [
    ensureQueues(link, plan),
    closeQueue(link, plan.ref),
    deleteQueues(link, plan.ref).then(() => undefined),
    removeConsumers(link, plan.ref, 'ev1'),
    listQueues(link).then(() => undefined),
  ]
  await Promise.all(
    steps.map((step) => t.rejects(step, { code: 'QUEUE_UNAVAILABLE', message: /see that it runs/ })),
  )
})

t.test(
  'a consumer that has passed over a message, as a killed server may have it, is made anew',
  async (t) => {
    const { connection, manager } = nats
    const plan = await nats.newJob()
    const ref = { ...plan.ref, event: 'ev1' }
    const { queue } = streamNames(ref)
    const key = await nats.accept(ref, 'left')
    const consumer = await jetstream(connection).consumers.get(queue, 'ev1')
    const first = await consumer.next()
    await first?.ackAck()
    const counts = async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info(queue, 'ev1')
      return num_pending + num_ack_pending
    }
    t.equal(await counts(), 0, 'the consumer is done with it, and the stream still holds it')
    while ((await counts()) === 0) await ensureQueues(connection, plan)
    const again = await consumer.next()
    t.equal(again?.subject, eventSubjects(ref).queued(key), 'it is delivered again')
    t.same(
      await writesOf(() => ensureQueues(connection, plan)),
      [],
      'and the consumer stays while it counts it',
    )
  },
)
