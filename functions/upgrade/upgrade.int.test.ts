import t from 'tap'

import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { redrive } from '../dead-letters/redrive.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { until } from '../runner/runner.fixture.ts'
import { oldStreamNames } from './old-layout.ts'
import { effectKey, makeOldStreams, oldKey } from './old-version.fixture.ts'
import { EVENTS, HOUR_MS, startUpgradeFixture } from './upgrade.fixture.ts'
import { listOldStreams, upgradeStreams } from './upgrade.ts'

const EMITTED = [{ event: 'ev3', data: Buffer.from('{"three":3}') }]

const { fixture, old, requests, newOldJob, upgrade, oldStreamsOf, startRunner, told } =
  await startUpgradeFixture(t)

interface Case {
  readonly what: string
  readonly seed: (ref: EventRef, id: string) => Promise<unknown>
  /** Right after the upgrade. */
  readonly moved: string
  /** When the new runner of ev1 has nothing to do any more. */
  readonly ends: string
  /** The states at ev2, which gets results, and at ev3, to which data is emitted. */
  readonly effects?: readonly [string, string]
}

const NONE = ['unknown', 'unknown'] as const

const CASES: readonly Case[] = [
  {
    what: 'queued, and delivered to a process that died',
    async seed(ref, id) {
      await old.accept(ref, id)
      await eventually('it is delivered', () => old.take(ref)) // a consumer hears of a new message a moment later
    },
    moved: 'pending 0 suspect',
    ends: 'done 1 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'queued',
    seed: (ref, id) => old.accept(ref, id),
    moved: 'pending 0',
    ends: 'done 1 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'a retry that is not due',
    seed: (ref, id) => old.later(ref, id, HOUR_MS, { attempts: 2 }),
    moved: 'pending 2 later',
    ends: 'pending 2 later',
  },
  {
    what: 'a retry that becomes due',
    seed: (ref, id) => old.later(ref, id, 3_000, { attempts: 2 }),
    moved: 'pending 2 later',
    ends: 'done 3 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'a retry that is due',
    seed: (ref, id) => old.due(ref, id, { attempts: 1 }),
    moved: 'pending 1',
    ends: 'done 2 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'a suspect with attempts left',
    seed: (ref, id) => old.due(ref, id, { attempts: 1, suspect: true }),
    moved: 'pending 1 suspect',
    ends: 'done 2 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'a suspect whose last attempt had begun',
    seed: (ref, id) => old.due(ref, id, { attempts: 3, suspect: true }),
    moved: 'pending 3 suspect',
    ends: 'dead 3 new',
  },
  {
    what: 'the same event in the queue and, later, among the retries',
    async seed(ref, id) {
      await old.accept(ref, id)
      await old.later(ref, id, HOUR_MS, { attempts: 1 })
    },
    moved: 'pending 1 later',
    ends: 'pending 1 later',
  },
  {
    what: 'an earlier and a later copy among the retries',
    async seed(ref, id) {
      await old.due(ref, id, { attempts: 1 })
      await old.due(ref, id, { attempts: 2, suspect: true })
    },
    moved: 'pending 2 suspect',
    ends: 'done 3 new',
    effects: ['pending 0', 'unknown'],
  },
  { what: 'done', seed: (ref, id) => old.done(ref, id), moved: 'done 1 old', ends: 'done 1 old' },
  {
    what: 'done, and sent again',
    async seed(ref, id) {
      await old.done(ref, id, { data: '' })
      await old.accept(ref, id)
    },
    moved: 'done 1 old',
    ends: 'done 1 old',
  },
  {
    what: 'done, and nothing handed over yet',
    async seed(ref, id) {
      await old.done(ref, id, { emitted: EMITTED })
      await old.accept(ref, id)
    },
    moved: 'done 1 old',
    ends: 'done 1 old',
    effects: ['pending 0', 'pending 0'],
  },
  {
    what: 'done on a retry, and nothing handed over yet',
    async seed(ref, id) {
      await old.done(ref, id, { emitted: EMITTED })
      await old.due(ref, id, { attempts: 1, hops: 4 })
    },
    moved: 'done 1 old',
    ends: 'done 1 old',
    effects: ['pending 0', 'pending 0'],
  },
  {
    what: 'dead',
    seed: (ref, id) => old.dead(ref, id),
    moved: 'dead 3 old',
    ends: 'dead 3 old',
  },
  {
    what: 'dead, and redriven',
    seed: async (ref, id) => old.redrive(ref, id, await old.dead(ref, id)),
    moved: 'pending 0 redriven',
    ends: 'done 1 new',
    effects: ['pending 0', 'unknown'],
  },
  {
    what: 'dead, redriven, and about to die again',
    async seed(ref, id) {
      const data = { do: 'reject' }
      await old.redrive(ref, id, await old.dead(ref, id, { data }), data)
    },
    moved: 'pending 0 redriven',
    ends: 'dead 1 new',
  },
  {
    what: 'dead, redriven and dead again, with the redriven copy left behind',
    async seed(ref, id) {
      const first = await old.dead(ref, id)
      await old.redrive(ref, id, first)
      await old.dead(ref, id, { replaces: first })
    },
    moved: 'dead 3 old',
    ends: 'dead 3 old',
  },
  {
    what: 'dead, redriven and done, with the dead letter left behind',
    async seed(ref, id) {
      await old.done(ref, id, { replaces: await old.dead(ref, id) })
    },
    moved: 'done 1 old',
    ends: 'done 1 old',
  },
]

t.test('each event of 0.1.0 is moved in its state, and ends once', async (t) => {
  const ref = await newOldJob()
  const idOf = ({ what }: Case) => what.replaceAll(/\W+/g, '-')
  for (const each of CASES) await each.seed(ref, idOf(each))
  const [handedOver, kept] = ['handed over', 'kept as it is']
  await old.done(ref, handedOver, { emitted: EMITTED })
  await old.accept(ref, handedOver)
  await old.done(ref, kept, { emitted: EMITTED, data: '{"exact":12345678901234567890}' })

  const upgraded = await upgrade(ref)
  t.match(upgraded, { finished: true, existed: true })
  t.same(await oldStreamsOf(ref), [], 'the streams of 0.1.0 are deleted')
  for (const each of CASES) t.equal(await told(ref, oldKey(idOf(each))), each.moved, each.what)
  const done = await eventState(requests, ref, oldKey(kept))
  const { result, emitted: emittedTo } = done.state === 'done' ? done.verdict : {}
  t.equal(String(result?.data), '{"exact":12345678901234567890}', 'the result without what was emitted')
  t.same(emittedTo, ['ev3'])
  const emitted = await newestRecord(requests, { ...ref, event: 'ev3' }, effectKey(ref, handedOver, 1))
  t.equal(String(emitted?.data), '{"three":3}', 'what was emitted is handed over with its data')
  t.equal(emitted?.headers?.get(JOBICO_HEADERS.root), oldKey(handedOver))

  await startRunner(t, ref)
  for (const each of CASES) {
    const key = oldKey(idOf(each))
    await until(async () => (await told(ref, key)) === each.ends)
    const effects = [
      await told(ref, effectKey(ref, idOf(each)), 'ev2'),
      await told(ref, effectKey(ref, idOf(each), 1), 'ev3'),
    ]
    t.same(effects, each.effects ?? NONE, `${each.what}: its effects`)
  }
  const again = await upgrade(ref)
  t.same(again, { finished: true, moved: 0, existed: false }, 'nothing is left to do')
})

t.test('an outcome is kept for the rest of its time', async (t) => {
  const ref = await newOldJob()
  const [done, dead] = [await old.done(ref, 'short done', { ttl: 4 }), oldKey('short dead')]
  await old.dead(ref, 'short dead', { ttl: 4 })
  const over = await old.done(ref, 'over', { ttl: 1 })
  await old.done(ref, 'long', { ttl: 1_000 })
  await until(async () => (await lastOld(ref, over)) === undefined)
  await upgrade(ref)
  const ttl = Number.parseInt(
    (await newestRecord(requests, ref, oldKey('long')))?.headers?.get('Nats-TTL') ?? '',
  )
  t.ok(ttl > 900 && ttl < 1_000, `${ttl} s are left`)
  t.equal(await told(ref, over), 'unknown')
  for (const key of [done, dead]) await until(async () => (await told(ref, key)) === 'unknown')
})

function lastOld(ref: EventRef, key: string) {
  return lastMessage(requests, oldStreamNames(ref).outcomes, `jobico-outcome.*.*.*.${key}`)
}

t.test('a dead letter that was moved can be redriven', async (t) => {
  const ref = await newOldJob()
  await old.dead(ref, 'again')
  await upgrade(ref)
  const sent = await redrive(requests.connection, ref, {
    ...{ filter: {}, rate: 100, limitMs: 5_000, onWait: () => undefined },
    signal: new AbortController().signal,
  })
  t.equal(sent.sent, 1)
  await startRunner(t, ref)
  await until(async () => (await told(ref, oldKey('again'))) === 'done 1 new')
})

t.test('the order of the queue is kept, also across events', async (t) => {
  const ref = await newOldJob()
  const ids = Array.from({ length: 2_500 }, (_, at) => `id-${at}`)
  for (const id of ids) void old.accept(ref, id)
  await until(async () => (await fixture.messages(oldStreamNames(ref).queue)) === ids.length)
  await upgrade(ref)
  const seqs = await Promise.all(
    ids.map(async (id) => (await newestRecord(requests, ref, oldKey(id)))?.seq ?? 0),
  )
  t.same(
    seqs,
    seqs.toSorted((a, b) => a - b),
  )
})

t.test('the closed queue of a deleted Job is moved, and stays closed', async (t) => {
  const ref = { namespace: 'test', job: 'deleted', event: 'ev1' }
  await makeOldStreams(requests.connection, ref, EVENTS)
  await old.accept(ref, 'waits')
  await old.dead(ref, 'died')
  await old.done(ref, 'handed', { emitted: EMITTED })
  await old.due(ref, 'handed', { attempts: 1 })
  await old.closeQueue(ref)
  t.ok((await listOldStreams(requests.connection)).some(({ job }) => job === ref.job))

  const gone = { ref, outputs: undefined }
  t.match(await upgradeStreams(requests.connection, gone), {
    finished: false,
    left: 1,
    waiting: new Set(['ev1']),
  })
  t.equal(await told(ref, oldKey('waits')), 'pending 0')
  t.equal(await told(ref, oldKey('died')), 'dead 3 old')
  const { config } = await fixture.manager.streams.info(streamNames(ref).queue)
  t.notMatch(config.subjects, [eventSubjects(ref).queued('*')])
  t.equal(config.max_bytes, 256 * 2 ** 20, 'with the size of the old one')
  t.equal(config.metadata?.['jobico.coeux.dev/uid'], 'abc')

  // A new Job of the name knows where the result goes.
  t.match(await upgrade(ref), { finished: true })
  t.equal(await told(ref, effectKey(ref, 'handed'), 'ev2'), 'pending 0')
  t.equal(await told(ref, effectKey(ref, 'handed', 1), 'ev3'), 'pending 0')
  t.notOk((await listOldStreams(requests.connection)).some(({ job }) => job === ref.job))
})
