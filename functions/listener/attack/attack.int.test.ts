import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { jetstreamManager } from '@nats-io/jetstream'
import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { securityConfig } from '../../../scripts/security/config.ts'
import { report } from '../../../scripts/security/report.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'
import { streamNames } from '../../queues/names.ts'
import { createFixture, REF, SCHEMA } from '../listener.fixture.ts'
import { startListener } from '../process.fixture.ts'
import { percentile99, sendHonestly } from './honest.fixture.ts'
import { KINDS } from './kinds.fixture.ts'
import { startAttack } from './start.fixture.ts'

/** Hostile connections of each kind. */
const ATTACKERS = 1_000
/** What a pod has, and what Node takes of that for its heap. */
const MAX_RESIDENT_MIB = 512
const POD = { NODE_OPTIONS: '--max-old-space-size=256', JOBICO_MAX_IN_FLIGHT: '100' }
/** How much later honest senders may be answered than when nobody attacks. */
const MOST_TIMES_QUIET = 3

const folder = testFolder(t, { 'schema.json': JSON.stringify(SCHEMA), store: {} })
const server = await startNatsServer({ storeDir: join(folder, 'store') })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)
const manager = await jetstreamManager(fixture.requests.connection)
const listener = startListener(t, {
  ...{ ...POD, NATS_URL: server.url, JOBICO_SCHEMA: join(folder, 'schema.json') },
})
const port = await listener.ready()
const pid = listener.child.pid ?? 0

/** From now on, the most memory that the listener has had is counted anew. */
async function forgetMost(): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function mostResidentMiB(): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

async function honestly() {
  return await sendHonestly(port, AbortSignal.timeout(securityConfig().seconds * 1_000))
}

// The first answers take longer than later ones.
await honestly()
let quiet = NaN

t.test('when nobody attacks', async (t) => {
  const { statuses, times } = await honestly()
  t.same([...statuses.keys()], [202])
  quiet = percentile99(times)
  report({
    attack: 'honest senders alone',
    bound: '',
    measured: `p99 ${quiet.toFixed(1)} ms of ${times.length}`,
  })
})

for (const { name } of KINDS) {
  t.test(name, async (t) => {
    await forgetMost()
    await startAttack(t, { port, name, count: ATTACKERS })
    const { statuses, accepted, times } = await honestly()
    const mostMiB = await mostResidentMiB()
    const p99 = percentile99(times)
    t.same([...statuses.keys()], [202], `honest senders: ${[...statuses].join('; ')}`)
    const stored = await Promise.all(accepted.map((key) => fixture.queued(key)))
    const lost = stored.filter((message) => message === undefined).length
    t.equal(lost, 0, 'what was accepted is stored')
    // Nobody runs the events here, and the queue has not the room for those of all attacks.
    await manager.streams.purge(streamNames(REF).queue)
    t.ok(mostMiB < MAX_RESIDENT_MIB, `${Math.round(mostMiB)} MiB at most`)
    t.equal(listener.child.exitCode, null)
    t.comment(
      `p99 ${p99.toFixed(1)} ms of ${times.length}, quiet ${quiet.toFixed(1)} ms; ${Math.round(mostMiB)} MiB`,
    )
    const attack = `${ATTACKERS} ${name}`
    const refused = times.length - accepted.length
    report({
      attack,
      bound: '0 refused, 0 lost',
      measured: `${refused} refused, ${lost} lost of ${times.length}`,
    })
    report({ attack, bound: `memory below ${MAX_RESIDENT_MIB} MiB`, measured: `${Math.round(mostMiB)} MiB` })
    report({
      ...{ attack, bound: `p99 below ${MOST_TIMES_QUIET} × quiet` },
      measured: `${p99.toFixed(1)} ms, ${(p99 / quiet).toFixed(1)} × quiet`,
      isMet: p99 < MOST_TIMES_QUIET * quiet,
    })
  })
}
