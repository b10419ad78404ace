import { jetstream } from '@nats-io/jetstream'
import t from 'tap'

import { hasBacklog, readBacklog, type Backlog } from './backlog.ts'
import { eventSubjects, streamNames } from './names.ts'
import { startNatsFixture, type NatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { publish } from '../jetstream/publish.ts'

let nats: NatsFixture
t.before(async () => (nats = await startNatsFixture(t)))

/** A backlog as a plain object, but for the mark. */
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
  t.same(plain(await readBacklog(connection, ref)), { ...nothing, events: { ev1: nothing, ev2: nothing } })

  await nats.accept(ev1, '1')
  await nats.accept(ev1, '2')
  const consumer = await jetstream(connection).consumers.get(streamNames(ref).queue, 'ev1')
  t.ok(await consumer.next(), 'one is being executed')
  await nats.park(ev2, 'parked')
  await publish(requests, { subject: eventSubjects(ev2).due('due'), payload: 'x' })
  await nats.done(ev1, '3')
  await nats.deadLetter(ev2, '4')
  await nats.deadLetter({ ...ref, event: 'gone' }, '5')
  const backlog = await readBacklog(connection, ref)
  t.same(plain(backlog), {
    pending: 4,
    dead: 2,
    events: { ev1: { pending: 2, dead: 0 }, ev2: { pending: 2, dead: 1 }, gone: { pending: 0, dead: 1 } },
  })

  await manager.streams.purge(streamNames(ref).retry)
  await nats.deadLetter(ev1, '6')
  t.same(plain(await readBacklog(connection, ref, backlog)), {
    pending: 2,
    dead: 3,
    events: { ev1: { pending: 2, dead: 1 }, ev2: { pending: 0, dead: 1 }, gone: { pending: 0, dead: 1 } },
  })
  await manager.streams.purge(streamNames(ref).outcomes)
  t.match(await readBacklog(connection, ref, backlog), { dead: 0 }, 'their time is over')
  await manager.streams.delete(streamNames(ref).retry)
  t.equal(await readBacklog(connection, ref), undefined)
})

t.test('a Job of one event needs no list of its schedules', async (t) => {
  const { ref } = await nats.newJob()
  await nats.park({ ...ref, event: 'ev1' }, 'k')
  t.same(plain(await readBacklog(nats.connection, ref)), {
    pending: 1,
    dead: 0,
    events: { ev1: { pending: 1, dead: 0 } },
  })
})

t.test('dead letters are listed again only when the outcomes have changed', async (t) => {
  const { connection } = nats
  const { ref } = await nats.newJob()
  await nats.deadLetter({ ...ref, event: 'ev1' }, '1')
  const before = await readBacklog(connection, ref)
  let asked = 0
  const spy = connection.subscribe('$JS.API.>', {
    callback: () => {
      asked++
    },
  })
  const after = await readBacklog(connection, ref, before)
  await connection.flush()
  spy.unsubscribe()
  t.same(after, before)
  t.equal(asked, 5, 'three streams and the consumers of two')
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
  await manager.streams.purge(streamNames(ref).retry)
  await nats.deadLetter(ev1, '2')
  t.notOk(await waits('ev1'), 'a dead letter waits for nothing')
  t.notOk(await hasBacklog(connection, { ...ref, job: 'none' }, 'ev1'))
})
