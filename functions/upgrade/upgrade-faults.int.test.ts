import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { createRandom } from '../../scripts/faults/ledger/random.ts'
import { killSoon } from '../../scripts/testing/kill-soon.fixture.ts'
import { streamNames, type EventRef } from '../queues/names.ts'
import { until } from '../runner/runner.fixture.ts'
import { effectKey, oldKey } from './old-version.fixture.ts'
import { HOUR_MS, startUpgradeFixture } from './upgrade.fixture.ts'

const { fixture, old, requests, newOldJob, upgrade, oldStreamsOf, startRunner, told } =
  await startUpgradeFixture(t)

/** Upgrades in a process of its own. */
const UPGRADE = join(import.meta.dirname, 'main.fixture.ts')

function argumentsFor({ namespace, job }: EventRef): readonly string[] {
  return [requests.connection.getServer(), namespace, job, '{"ev1":"ev2"}']
}

t.test('an upgrade that is killed at any moment goes on where it was', { timeout: 300_000 }, async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const ref = await newOldJob()
    const random = createRandom(seed).next
    const ids = Array.from({ length: 80 }, (_, at) => `${seed}-${at}`)
    const shuffled = ids.map((id) => ({ id, at: random() })).sort((a, b) => a.at - b.at)
    await Promise.all(shuffled.map(async ({ id }, at) => await SEEDS[at % SEEDS.length]?.seed(ref, id)))
    let kills = 0
    for (let finished = false; !finished;)
      finished = !(await killSoon(UPGRADE, argumentsFor(ref), 400 * random())) || (kills++, false)
    const wrong = await wrongStates(
      ref,
      shuffled.map(({ id }) => id),
    )
    t.same(wrong, [], `seed ${seed}, ${kills} kills`)
    t.same(await oldStreamsOf(ref), [])
    // A record for each, one more where a redriven copy is beside its dead letter, and one for each effect.
    const extra = SEEDS.reduce((sum, { records }) => sum + records - 1, 0)
    t.equal(await fixture.messages(streamNames(ref).events), ids.length + (extra * ids.length) / SEEDS.length)
  }
})

/** What is not as the seeds want it, in words. */
async function wrongStates(ref: EventRef, ids: readonly string[]): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const [at, id] of ids.entries()) {
    const { moved = [], effect: wanted = 'unknown' } = SEEDS[at % SEEDS.length] ?? {}
    const state = await told(ref, oldKey(id))
    const effect = await told(ref, effectKey(ref, id), 'ev2')
    if (!moved.includes(state)) wrong.push(`${id}: ${state}, not ${moved.join(' or ')}`)
    if (effect !== wanted) wrong.push(`${id}: its effect is ${effect}`)
  }
  return wrong
}

/** A state, and what a move that was broken off leaves of it: it may be suspect then. */
const SEEDS: readonly {
  readonly seed: (ref: EventRef, id: string) => Promise<unknown>
  readonly moved: readonly string[]
  readonly effect?: string
  readonly records: number
}[] = [
  { seed: (ref, id) => old.accept(ref, id), moved: ['pending 0', 'pending 0 suspect'], records: 1 },
  { seed: (ref, id) => old.later(ref, id, HOUR_MS), moved: ['pending 1 later'], records: 1 },
  {
    seed: (ref, id) => old.due(ref, id, { attempts: 1 }),
    moved: ['pending 1', 'pending 1 suspect'],
    records: 1,
  },
  { seed: (ref, id) => old.done(ref, id), moved: ['done 1 old'], records: 1 },
  { seed: (ref, id) => old.dead(ref, id), moved: ['dead 3 old'], records: 1 },
  {
    seed: async (ref, id) => old.redrive(ref, id, await old.dead(ref, id)),
    moved: ['pending 0 redriven', 'pending 0 suspect redriven'],
    records: 2,
  },
  {
    async seed(ref, id) {
      await old.done(ref, id)
      await old.accept(ref, id)
    },
    moved: ['done 1 old'],
    effect: 'pending 0',
    records: 2,
  },
  {
    seed: async (ref, id) => old.done(ref, id, { replaces: await old.dead(ref, id) }),
    moved: ['done 1 old'],
    records: 1,
  },
]

t.test(
  'listeners and runners of 0.1.0 go on meanwhile, and nothing is lost',
  { timeout: 120_000 },
  async (t) => {
    const ref = await newOldJob()
    await startRunner(t, ref)
    const random = createRandom(11).next
    const accepted: string[] = []
    let refused = 0
    const stopping = { listener: false, runner: false }

    const listen = async () => {
      for (let at = 0; !stopping.listener; at++) {
        const ack = await old.accept(ref, `live-${at}`).catch(() => undefined)
        if (ack?.stored === true) accepted.push(`live-${at}`)
        else refused++
        await delay(1)
      }
    }
    const run = async () => {
      while (!stopping.runner) {
        const taken = await old.take(ref).catch(() => undefined)
        if (taken === undefined) {
          await delay(2)
          continue
        }
        const fate = random()
        if (fate < 0.1) continue // it dies before it has stored anything
        if (fate < 0.5) await old.done(ref, taken.id, { data: '' })
        else if (fate < 0.6) await old.dead(ref, taken.id)
        else if (fate < 0.8) await old.later(ref, taken.id, 300)
        else await old.due({ ...ref, event: 'ev2' }, `by ${taken.id}`)
        if (random() < 0.8 && fate < 0.8) await taken.ack()
      }
    }
    const [listening, running] = [listen(), run()]
    for (let pass = 0; pass < 8; pass++) {
      const going = await upgrade(ref, new Set(['ev1']))
      t.equal(going.finished, false, 'the old streams stay')
      await delay(100)
    }
    stopping.runner = true
    await running
    await until(async () => (await upgrade(ref)).finished)
    t.same(await oldStreamsOf(ref), [])
    await until(() => Promise.resolve(refused > 0))
    stopping.listener = true
    await listening

    t.ok(accepted.length > 50, `${accepted.length} events were accepted`)
    const ends = new Map<string, number>()
    for (const id of accepted) {
      await until(async () => /^(done|dead)/.test(await told(ref, oldKey(id))))
      const end = await told(ref, oldKey(id))
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
    t.comment(Object.fromEntries(ends))
    t.ok(
      [...ends.keys()].some((end) => end.endsWith('old')) &&
        [...ends.keys()].some((end) => end.endsWith('new')),
    )
  },
)
