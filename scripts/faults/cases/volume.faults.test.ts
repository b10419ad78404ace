import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { followOutcomes } from '../../../functions/outcomes/follow-outcomes.ts'
import { forEachConcurrently } from '../../../functions/process/concurrency.ts'
import { readEnv } from '../../../functions/process/env.ts'
import { eventKey, eventSubjects, streamNames } from '../../../functions/queues/names.ts'
import { STORED_PER_MAX_BYTES } from '../../../functions/queues/room.ts'
import { subjectsIn } from '../../../functions/jetstream/manager.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { auditEvents, type Ending, type Entry } from '../ledger/audit.ts'
import { countPending } from '../ledger/stream-contents.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { checkAudit, writeRow } from './audit.fixture.ts'
import { watchBytes } from './stored-bytes.fixture.ts'

/** A million takes some twenty minutes: JOBICO_TEST_EVENTS=1000000 npm run test:faults -- --minutes 30 volume */
const { EVENTS } = readEnv(process.env, (env) => ({
  EVENTS: env.integer('JOBICO_TEST_EVENTS', { min: 1_000, max: 10_000_000, fallback: 30_000 }),
}))
const DEAD = 500
const SOURCE = '/volume'
const BATCH = 200
const AT_ONCE = 4
const DRAIN_LIMIT_MS = 600_000
/** So that outcomes roll over several times. */
const MAX_BYTES = (EVENTS < 100_000 ? 4 : 16) * 2 ** 20

const DOOMED_EVERY = Math.floor(EVENTS / DEAD)
const isDoomed = (index: number) => index % DOOMED_EVERY === 0 && index < DEAD * DOOMED_EVERY

t.test('many more events go through a queue than there is room for outcomes', async (t) => {
  const fault = `${EVENTS} events through ${MAX_BYTES / 2 ** 20}Mi`
  const system = await startSystem(t, {
    ...{ queue: { maxBytes: MAX_BYTES }, keepsVerdicts: false },
    events: [{ name: 'ev1', runners: 2 }],
  })
  const sizes = watchBytes(t, system)
  const outcomes = collectOutcomes(system)
  const began = performance.now()
  const refusals = await sendAll(system)
  await eventually('nothing is pending', async () => (await countPending(system.store, system.ref())) === 0, {
    withinMs: DRAIN_LIMIT_MS,
    everyMs: 1_000,
  })
  await eventually('every outcome was seen', () => Promise.resolve(outcomes.endings.size >= EVENTS))
  await outcomes.stop()
  t.comment(`${Math.round(EVENTS / ((performance.now() - began) / 1_000))} events a second`)
  t.same(
    [...refusals].filter((code) => code !== 'QUEUE_FULL'),
    [],
    'only a full queue refuses events',
  )

  const audit = auditEvents(allEntries(), { pending: new Set(), ...outcomes })
  writeRow({ fault, ...audit, lost: audit.lost.length })
  checkAudit(t, audit)
  t.equal(audit.dead, DEAD)
  const { events } = streamNames(system.ref())
  const letters = await subjectsIn(
    system.store.manager,
    events,
    eventSubjects(system.ref()).record('*', 'dead'),
  )
  t.equal(letters?.size, DEAD, 'every dead letter is still there')
  t.ok(sizes.most() < STORED_PER_MAX_BYTES * MAX_BYTES, `the Job had ${sizes.most()} bytes at most`)
  t.same(system.notes, [], 'no process has ended')
})

const idOf = (index: number) => `event-${index}`

function allEntries(): Entry[] {
  return Array.from({ length: EVENTS }, (_, index) => ({
    key: eventKey(SOURCE, idOf(index)),
    action: isDoomed(index) ? 'reject' : 'ok',
    ...{ accepted: true, executions: 1 },
  }))
}

/** Sends all events in batches, each until it is accepted. Gives the codes with which some were refused at first. */
async function sendAll(system: System): Promise<ReadonlySet<string>> {
  const codes = new Set<string>()
  const { host, port, path } = await eventually('a listener serves', () => Promise.resolve(system.target()))
  const url = `http://${host}:${port}${path}`
  const starts = Array.from({ length: Math.ceil(EVENTS / BATCH) }, (_, at) => at * BATCH)
  await forEachConcurrently(starts, AT_ONCE, async (from) => {
    for (;;) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json' },
        body: batchFrom(from),
      })
      const text = await answer.text()
      if (answer.status === 202) return
      codes.add((JSON.parse(text) as { code: string }).code)
      await delay(100)
    }
  })
  return codes
}

function batchFrom(from: number): string {
  const batch = Array.from({ length: Math.min(BATCH, EVENTS - from) }, (_, at) => ({
    ...{ specversion: '1.0', id: idOf(from + at), source: SOURCE, type: 'volume.made' },
    data: { do: isDoomed(from + at) ? 'reject' : 'ok', quiet: true },
  }))
  return JSON.stringify(batch)
}

/** Collects the outcomes as they are stored, since the oldest make room for others. */
function collectOutcomes(system: System) {
  const over = new AbortController()
  const endings = new Map<string, Ending>()
  const written = new Map<string, number>()
  const collect = async () => {
    const options = { fromNow: false, signal: over.signal }
    for await (const { key, verdict } of followOutcomes(
      system.store.requests.connection,
      system.ref(),
      options,
    )) {
      const { kind, attempts } = verdict
      endings.set(key, verdict.kind === 'dead' ? { kind, attempts, code: verdict.code } : { kind, attempts })
      written.set(key, (written.get(key) ?? 0) + 1)
    }
  }
  const collecting = collect()
  return {
    ...{ endings, written },
    async stop() {
      over.abort()
      await collecting
    },
  }
}
