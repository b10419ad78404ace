import { join } from 'node:path'

import t, { type Test } from 'tap'

import { createRandom } from '../../scripts/faults/ledger/random.ts'
import { killSoon } from '../../scripts/testing/kill-soon.fixture.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { eventState } from '../outcomes/event-state.ts'
import { readHistory } from '../outcomes/history.ts'
import { countRecords, sum } from '../queues/backlog.ts'
import { closeQueue, isClosed } from '../queues/lifecycle.ts'
import { streamNames, type EventRef } from '../queues/names.ts'
import { startFixture, until } from '../runner/runner.fixture.ts'
import type { Requests } from '../jetstream/requests.ts'
import { backUp, contentsOf, restoreFrom, SEEDS, startOther, told } from './backup.fixture.ts'

const source = await startOther(t)
const target = await startFixture(t)
const { connection } = target.requests

async function stateText(requests: Requests, ref: EventRef, key: string): Promise<string> {
  const state = await eventState(requests, ref, key)
  if (state.state === 'unknown') return 'unknown'
  return `${state.state} ${state.state === 'pending' ? state.progress.attempts : state.verdict.attempts}`
}

/** What a restore into an empty server makes of streams: for each event its newest record, and the dead letter that it redrives. */
async function wanted(ref: EventRef) {
  const { queue, events } = await contentsOf(source.connection, source.manager, ref)
  const newest = new Map(events.map((message) => [stateOf(message), message]))
  const kept = events.filter((message) => {
    const { seq = 0, headers } = newest.get(stateOf(message)) ?? {}
    return [seq, readHistory(headers).redrive].includes(message.seq)
  })
  const waiting = queue.filter(({ subject }) => !newest.has(subject.replace('jobico-queue', 'jobico-event')))
  return { queue: waiting.map(told).sort(), events: kept.map(told).sort() }
}

/** The subject without the kind of the record. */
function stateOf({ subject }: StoredMessage): string {
  return subject.replace(/\.(later|due|done|dead)$/, '')
}

async function isRestored(t: Test, ref: EventRef, what: string): Promise<void> {
  const { queue, events } = await contentsOf(connection, target.manager, ref)
  t.same({ queue: queue.map(told).sort(), events: events.map(told).sort() }, await wanted(ref), what)
}

t.test('every state survives, and a runner goes on with it', async (t) => {
  const ref = await source.newJob()
  const keys = new Map<string, string>()
  for (const [name, { seed }] of Object.entries(SEEDS)) keys.set(name, await seed(source.requests, ref, name))
  const module = Buffer.from('no module, but bytes')
  const store = await openModuleStore(source.connection, ref.namespace, { create: {} })
  await store.put('echo.wasm', module)
  const { path, report } = await backUp(t, source.connection, [ref])
  t.equal(report.jobs[0]?.queued, 2)
  t.equal(report.modules, 1)

  const dry = await restoreFrom(path, connection, { dryRun: true })
  t.equal(dry.jobs[0]?.queued.stored, 2)
  await t.rejects(target.manager.streams.info(streamNames(ref).queue), 'a dry run stores nothing')

  const [first] = (await restoreFrom(path, connection)).jobs
  // Known are the event that had moved on, and what the runner that died had left behind.
  t.match(first, { queued: { stored: 1, known: 1, expired: 0 }, records: { known: 1, expired: 0 } })
  const modules = await openModuleStore(connection, ref.namespace)
  t.same(await modules.read('echo.wasm'), module)
  const { config } = await target.manager.streams.info(streamNames(ref).queue)
  t.match(config, { max_bytes: 8 * 2 ** 20, metadata: { 'jobico.coeux.dev/uid': 'abc' } })

  const before = [
    'queued',
    'due in an hour',
    'due',
    'done',
    'dead',
    'redriven',
    'moved',
    'family',
    'repeated',
  ]
  for (const name of before) {
    const key = keys.get(name) ?? ''
    t.equal(await stateText(target.requests, ref, key), await stateText(source.requests, ref, key), name)
  }
  const [second] = (await restoreFrom(path, connection)).jobs
  t.match(second, { queued: { stored: 0 }, records: { stored: 0, expired: 0 } }, 'nothing is stored twice')

  const stop = await target.startHere(t, ref)
  for (const [name, { ends }] of Object.entries(SEEDS)) {
    const key = keys.get(name) ?? ''
    await until(
      async () => ends.startsWith('pending') || !/^pending/.test(await stateText(target.requests, ref, key)),
    )
    t.equal(await stateText(target.requests, ref, key), ends, name)
  }
  await until(async () => (await target.messages(streamNames(ref).queue)) === 0)
  await until(async () => sum((await countRecords(target.manager, ref)).waiting) === 1)
  t.equal(sum((await countRecords(target.manager, ref)).dead), 1, 'the redriven letter is gone')
  await stop()
  const [third] = (await restoreFrom(path, connection)).jobs
  t.match(third, { queued: { stored: 0 }, records: { stored: 0 } }, 'a newer record stays')
})

t.test('a closed queue stays closed', async (t) => {
  const ref = await source.newJob()
  await SEEDS['queued']?.seed(source.requests, ref, 'closed')
  await closeQueue(source.connection, ref)
  const { path } = await backUp(t, source.connection, [ref])
  const [job] = (await restoreFrom(path, connection)).jobs
  t.equal(job?.queued.stored, 1)
  t.ok(isClosed(await target.manager.streams.info(streamNames(ref).queue), ref))
})

/** The ids that a restore is killed on. All of them at once would keep a request of a busy machine waiting past its time. */
const SEEDED_AT_A_TIME = Array.from({ length: 6 }, (_, group) =>
  Array.from({ length: 10 }, (_, at) => 10 * group + at),
)

/** Restores in a process of its own. */
const RESTORE = join(import.meta.dirname, 'main.fixture.ts')

t.test('a restore that is killed at any moment goes on where it was', { timeout: 300_000 }, async (t) => {
  const kinds = ['queued', 'due in an hour', 'due', 'done', 'dead', 'redriven', 'family', 'moved', 'repeated']
  for (let seed = 1; seed <= 10; seed++) {
    const ref = await source.newJob()
    for (const kind of kinds)
      for (const some of SEEDED_AT_A_TIME)
        await Promise.all(
          some.map(async (id) => await SEEDS[kind]?.seed(source.requests, ref, `${kind} ${seed}-${id}`)),
        )
    const { path } = await backUp(t, source.connection, [ref])
    const random = createRandom(seed).next
    let kills = 0
    while (await killSoon(RESTORE, [connection.getServer(), path], (100 + 150 * kills) * random())) kills++
    await isRestored(t, ref, `seed ${seed}: ${kills} kills`)
  }
})
