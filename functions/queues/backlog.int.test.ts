import { jetstream } from '@nats-io/jetstream'
import t from 'tap'

import { hasBacklog, readBacklog, type Backlog } from './backlog.ts'
import { eventSubjects, streamNames } from './names.ts'
import { ensureQueues } from './lifecycle.ts'
import { MiB, startNatsFixture, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { publish } from '../jetstream/publish.ts'

let nats: NatsFixture
t.before(async () => (nats = await startNatsFixture(t)))

/** The counts of a backlog as a plain object. */
function plain(backlog: Backlog | undefined) {
  return (
    backlog && {
      pending: backlog.pending,
      dead: backlog.dead,
      events: Object.fromEntries(backlog.events),
    }
  )
}

t.test('what waits is counted by event, wherever it is', async (t) => {
  const { connection, requests, manager } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2'])
  const [ev1, ev2] = [
    { ...ref, event: 'ev1' },
    { ...ref, event: 'ev2' },
  ] as const
  const nothing = { pending: 0, dead: 0 }
  t.same(plain(await readBacklog(connection, ref)), { ...nothing, events: {} })

  await nats.accept(ev1, '1')
  await nats.accept(ev1, '2')
  const consumer = await jetstream(connection).consumers.get(streamNames(ref).queue, 'ev1')
  t.ok(await consumer.next(), 'one is being executed')
  await nats.park(ev2, 'parked')
  await publish(requests, { subject: eventSubjects(ev2).record('due', 'due'), payload: 'x' })
  await nats.done(ev1, '3')
  await nats.deadLetter(ev2, '4')
  await nats.deadLetter({ ...ref, event: 'gone' }, '5')
  const backlog = await readBacklog(connection, ref)
  t.same(plain(backlog), {
    pending: 4,
    dead: 2,
    events: { ev1: { pending: 2, dead: 0 }, ev2: { pending: 2, dead: 1 }, gone: { pending: 0, dead: 1 } },
  })

  const { events } = streamNames(ref)
  for (const kind of ['later', 'due'] as const)
    await manager.streams.purge(events, { filter: eventSubjects(ev2).record('*', kind) })
  await nats.deadLetter(ev1, '6')
  t.same(plain(await readBacklog(connection, ref)), {
    pending: 2,
    dead: 3,
    events: { ev1: { pending: 2, dead: 1 }, ev2: { pending: 0, dead: 1 }, gone: { pending: 0, dead: 1 } },
  })
  await manager.streams.purge(events)
  t.match(await readBacklog(connection, ref), { dead: 0 }, 'their time is over')
  await manager.streams.delete(events)
  t.equal(await readBacklog(connection, ref), undefined)
})

t.test('what waits for its time is counted, too', async (t) => {
  const { ref } = await nats.newJob()
  await nats.park({ ...ref, event: 'ev1' }, 'k')
  t.same(plain(await readBacklog(nats.connection, ref)), {
    pending: 1,
    dead: 0,
    events: { ev1: { pending: 1, dead: 0 } },
  })
})

t.test('whether anything of an event waits', async (t) => {
  const { connection, manager } = nats
  const { ref } = await nats.newJob(['ev1', 'ev2'])
  const ev1 = { ...ref, event: 'ev1' }
  const waits = (event: string) => hasBacklog(connection, ref, event)
  t.notOk(await waits('ev1'))
  await nats.accept(ev1, '1')
  t.ok(await waits('ev1'), 'in the queue')
  t.notOk(await waits('ev2'))
  t.notOk(await waits('ev'))
  await manager.streams.purge(streamNames(ref).queue)
  await nats.park(ev1, 'k')
  t.ok(await waits('ev1'), 'for its time')
  t.notOk(await waits('ev2'))
  await manager.streams.purge(streamNames(ref).events)
  await nats.deadLetter(ev1, '2')
  t.notOk(await waits('ev1'), 'a dead letter waits for nothing')
  t.notOk(await hasBacklog(connection, { ...ref, job: 'none' }, 'ev1'))
})

t.test('the bytes of dead letters and of what waits are measured once there may be too many', async (t) => {
  const { connection, manager } = nats
  const plan = nats.newPlan()
  await ensureQueues(connection, { ...plan, queue: { ...plan.queue, maxBytes: MiB } })
  const ref = { ...plan.ref, event: 'ev1' }
  await nats.done(ref, 'done')
  await nats.park(ref, 'parked')
  await nats.deadLetter(ref, '1', {}, 'x'.repeat(600_000))
  t.match(await readBacklog(connection, ref), { undone: undefined, maxBytes: MiB }, 'no need yet')
  await nats.deadLetter(ref, '2', {}, 'x'.repeat(600_000))
  const { undone } = (await readBacklog(connection, ref)) ?? {}
  const { bytes } = (await manager.streams.info(streamNames(ref).events)).state
  await manager.streams.purge(streamNames(ref).events, { filter: eventSubjects(ref).record('*', 'done') })
  const rest = (await manager.streams.info(streamNames(ref).events)).state.bytes
  t.ok(rest < bytes, 'a done outcome is not measured')
  t.equal((undone?.dead ?? 0) + (undone?.waiting ?? 0), rest, 'exactly as NATS counts')
  t.ok((undone?.waiting ?? 0) < 500)
})
