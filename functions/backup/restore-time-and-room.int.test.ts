import t from 'tap'

import { lastMessage } from '../jetstream/stored-message.ts'
import { eventState } from '../outcomes/event-state.ts'
import { JobicoError } from '../process/errors.ts'
import { eventSubjects, streamNames } from '../queues/names.ts'
import { until } from '../runner/runner.fixture.ts'
import { ASK_SUBJECT, encodeReport, STORAGE_SUBJECT } from '../storage/report.ts'
import { backUp, dead, done, queued, restoreFrom, startOther } from './backup.fixture.ts'

const source = await startOther(t)
const target = await startOther(t)

t.test(
  'an outcome whose time runs out before the restore stays away; another one keeps the rest',
  async (t) => {
    const ref = await source.newJob()
    const kept = [
      await dead()(source.requests, ref, 'kept letter'),
      await done()(source.requests, ref, 'kept result'),
    ]
    const gone = [
      await dead(2)(source.requests, ref, 'letter'),
      await done({ ttl: 2 })(source.requests, ref, 'result'),
    ]
    const { path } = await backUp(t, source.connection, [ref])
    await until(async () => (await source.messages(ref)) === kept.length)
    const [job] = (await restoreFrom(path, target.connection)).jobs
    t.match(job?.records, { stored: kept.length, known: 0, expired: gone.length })
    for (const key of gone) t.match(await eventState(target.requests, ref, key), { state: 'unknown' })
    const letter = await lastMessage(
      target.requests,
      streamNames(ref).events,
      eventSubjects(ref).record(kept[0] ?? '', 'dead'),
    )
    const seconds = Number(/^(\d+)s$/.exec(letter?.headers?.get('Nats-TTL') ?? '')?.[1])
    t.ok(seconds > 7_000 && seconds < 7_200, `${seconds} s of 7200 are left`)
  },
)

t.test(
  'an outcome that came while the backup was made, and expired: the event does not run again',
  async (t) => {
    const ref = await source.newJob()
    // So much that a part is written before the queue is read to its end.
    const keys: string[] = []
    for (const id of ['first', 'second', 'third']) keys.push(await queued(600_000)(source.requests, ref, id))
    let written = 0
    const { path, report } = await backUp(t, source.connection, [ref], async () => {
      if (++written === 1) await done({ ttl: 2 })(source.requests, ref, 'first')
    })
    t.match(report.jobs[0], { queued: 3, records: 1 })
    await until(async () => (await source.messages(ref)) === 3)
    for (const time of ['first', 'second']) {
      const [job] = (await restoreFrom(path, target.connection)).jobs
      t.match(job?.records, { stored: 0, known: 0, expired: 1 }, time)
      const [first = '', ...others] = keys
      t.match(await eventState(target.requests, ref, first), { state: 'unknown' }, time)
      for (const key of others)
        t.match(await eventState(target.requests, ref, key), { state: 'pending' }, time)
      t.equal(await target.messages(ref), 2, time)
    }
  },
)

t.test('a restore waits while the disk of a server is nearly full', async (t) => {
  const ref = await source.newJob()
  const key = await queued()(source.requests, ref, 'event')
  const { path } = await backUp(t, source.connection, [ref])
  const size = 100 * 2 ** 30
  const say = (used: number, closed: boolean) => {
    const usage = { of: 'bytes', used, size } as const
    target.connection.publish(STORAGE_SUBJECT, encodeReport({ server: 'n1', usage, closed }))
  }
  const guard = target.connection.subscribe(ASK_SUBJECT, { callback: () => say(size * 0.99, true) })
  t.teardown(() => guard.unsubscribe())
  const full = /disk of the NATS server n1 is nearly full: 99Gi of 100Gi \(99 %\); give NATS larger volumes/
  await t.rejects(restoreFrom(path, target.connection, { limitMs: 0 }), { message: full })
  const waits: string[] = []
  const restored = restoreFrom(path, target.connection, {
    onWait: (reason) => {
      waits.push(reason)
      say(size * 0.5, false)
    },
  })
  t.match((await restored).jobs[0]?.queued, { stored: 1 })
  t.match(waits, [full])
  t.match(await eventState(target.requests, ref, key), { state: 'pending' })
})

t.test('a queue without room for what is restored', async (t) => {
  const ref = await source.newJob()
  for (const id of ['a', 'b', 'c']) await queued(600_000)(source.requests, ref, id)
  const { path } = await backUp(t, source.connection, [ref])
  await restoreFrom(path, target.connection, { dryRun: true })
  await target.ensureJob(ref, 2 ** 20)
  const fault = await restoreFrom(path, target.connection, { limitMs: 0 }).catch((thrown: unknown) => thrown)
  t.ok(fault instanceof JobicoError)
  t.match(fault, {
    code: 'QUEUE_FULL',
    message: /no room for the events of the Job job-\d+ \(.*\); raise its `spec.queue.maxBytes`/,
  })
  await target.ensureJob(ref, 8 * 2 ** 20)
  const [job] = (await restoreFrom(path, target.connection)).jobs
  t.match(job?.queued, { stored: 2, known: 1 }, 'the rest, in a queue that has room now')
})
