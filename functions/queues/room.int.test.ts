import t from 'tap'

import { keyOf, newIds, startNatsFixture } from '../../scripts/testing/nats.fixture.ts'
import { publish } from '../jetstream/publish.ts'
import { subjectsIn } from '../jetstream/manager.ts'
import { descendantsSubject, parseSubject, streamNames } from './names.ts'
import { deleteDone, findExcess, measureUndone } from './room.ts'

t.test('the oldest done outcomes and counts make room, and nothing else does', async (t) => {
  const nats = await startNatsFixture(t)
  const { ref: job } = await nats.newJob()
  const ref = { ...job, event: 'ev1' }
  const { connection, manager, requests } = nats
  const count = async (root: string) =>
    await publish(requests, { subject: descendantsSubject(ref, root), payload: '2 100' })
  const [first = '', second = '', third = ''] = newIds(3)
  await nats.done(ref, first)
  await count('old')
  await nats.deadLetter(ref, 'dead')
  await nats.park(ref, keyOf('parked'))
  await nats.done(ref, second)
  await count('new')
  await nats.done(ref, third)

  const events = streamNames(ref).events
  const { bytes: total } = (await manager.streams.info(events)).state
  const undone = await measureUndone(connection, ref)
  t.ok(undone.dead > 0 && undone.waiting > 0)
  const all = await findExcess(connection, ref, Infinity)
  t.equal(all.last, 7)
  const error = Math.abs(all.bytes + undone.dead + undone.waiting - total)
  t.ok(error < total * 0.02, `what is measured is what the stream has, but for ${error} of ${total} bytes`)
  const some = await findExcess(connection, ref, all.bytes / 2)
  t.equal(some.last, 2, 'a done outcome and a count')
  await deleteDone(connection, ref, some.last)
  const left = await subjectsIn(manager, events, '>')
  t.same(
    [...(left?.keys() ?? [])]
      .map((subject) => parseSubject(subject).kind ?? subject.split('.').at(-1))
      .sort(),
    ['dead', 'done', 'done', 'later', 'new'],
  )
})
