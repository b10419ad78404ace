import { Agent } from 'node:http'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t, { type Test } from 'tap'

import { startIdentityServer } from '../../functions/identity/server.fixture.ts'
import { answerOf, percentile99 } from '../../functions/listener/attack/honest.fixture.ts'
import { startAttack } from '../../functions/listener/attack/start.fixture.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import { eventKey } from '../../functions/queues/names.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { auditEvents } from '../faults/ledger/audit.ts'
import { createRandom } from '../faults/ledger/random.ts'
import { startSender } from '../faults/ledger/sender.ts'
import { readStreamContents } from '../faults/ledger/stream-contents.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { securityConfig } from './config.ts'
import { report } from './report.fixture.ts'
import { startTenant, type Tenant } from './tenant.fixture.ts'

const MiB = 2 ** 20
const QUIET_MS = 20_000
const PER_SECOND = 20
const MOST_TIMES_QUIET = 2
const MODULE_BYTES = 64 * MiB
const WAITING = 200
const HOSTILE = ['rival-a', 'rival-b'] as const
/** Each of 2,000 keys is looked at by each of 40 patterns. */
const SLOW_SCHEMA = {
  type: 'object',
  patternProperties: Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`^(a|b|ab)*${at}$`, { type: 'number' }]),
  ),
}
const SLOW_DATA = Object.fromEntries(
  Array.from({ length: 2_000 }, (_, at) => [`${'ab'.repeat(20)}x${at}`, 1]),
)

interface Results {
  readonly keys: readonly string[]
  readonly statuses: ReadonlyMap<number | string, number>
  /** Milliseconds from an event to its result, sorted. */
  readonly times: readonly number[]
}

/** Sends events at a steady rate and waits for the result of each, until the time is over. */
async function sendAndWait(tenant: Tenant, prefix: string, ms: number): Promise<Results> {
  const agent = new Agent({ keepAlive: true })
  const statuses = new Map<number | string, number>()
  const keys: string[] = []
  const times: number[] = []
  const one = async (id: string) => {
    const began = performance.now()
    const attributes = { 'ce-specversion': '1.0', 'ce-type': 'a', 'ce-source': '/third', 'ce-id': id }
    const status = await answerOf(tenant.port('ev1'), agent, {
      ...{ method: 'POST', path: '/listener/ev1', body: '{"do":"ok"}' },
      headers: { ...attributes, 'content-type': 'application/json', prefer: 'wait=60' },
    })
    times.push(performance.now() - began)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    keys.push(eventKey('/third', id))
  }
  const began = performance.now()
  const sent: Promise<void>[] = []
  for (;;) {
    const passed = performance.now() - began
    if (passed > ms) break
    while (sent.length < (passed / 1_000) * PER_SECOND) sent.push(one(`${prefix}-${sent.length}`))
    await delay(10)
  }
  await Promise.all(sent)
  agent.destroy()
  return { keys, statuses, times: times.sort((a, b) => a - b) }
}

/** Does all that a tenant can do to harm its neighbours, until the signal aborts. */
async function attack(t: Test, tenant: Tenant, namespace: string, signal: AbortSignal): Promise<string> {
  const random = createRandom(1)
  const target = (event: string) => () => ({
    ...{ host: '127.0.0.1', port: tenant.port(event), path: `/listener/${event}` },
  })
  const slow = { again: false, mostInFlight: 100, random }
  const full = startSender({
    ...{ ...slow, target: target('full'), perSecond: 100, prefix: 'full', actions: ['spin'] },
    data: { spinMs: 4_000, filler: 'x'.repeat(100_000) },
  })
  const loop = startSender({
    ...{ ...slow, target: target('loop'), perSecond: 1, prefix: 'loop', actions: ['emit'] },
    data: { to: 'loop', copies: 45, quiet: true, filler: 'x'.repeat(2_000) },
  })
  const costly = startSender({
    ...{ ...slow, target: target('slow'), perSecond: 20, prefix: 'slow', mostInFlight: 10, actions: ['ok'] },
    data: SLOW_DATA,
  })
  await startAttack(t, tenant.port('full'), 'clients that wait', WAITING)
  const store = await openModuleStore(tenant.cli, namespace)
  let modules = 0
  while (!signal.aborted) {
    await store.put('large.wasm', randomBytes(MODULE_BYTES)).then(
      () => modules++,
      () => undefined,
    )
    await delay(100)
  }
  const senders = await Promise.all([full, loop, costly].map((sender) => sender.stop(5_000)))
  const counts = senders.map((sent) => `${sent.filter(({ accepted }) => accepted).length} of ${sent.length}`)
  return `${namespace}: accepted of a full queue ${counts[0]}, of an emit loop ${counts[1]}, of slow data ${counts[2]}; ${modules} modules`
}

/** Not the folder of the test below, which the server has. */
const folder = testFolder(t)

t.test('two hostile tenants beside a third one', async (t) => {
  const module = join(folder, 'guest.wasm')
  await compileAssemblyScript({
    ...{ entry: join(import.meta.dirname, '..', 'faults', 'assembly', 'guest.ts'), out: module },
  })
  const server = await startIdentityServer(t, ['third', ...HOSTILE])
  const common = { module, folder, maxBytes: 16 * MiB }
  const third = await startTenant(t, server, {
    ...{ ...common, namespace: 'third', events: [{ name: 'ev1' }] },
  })
  await sendAndWait(third, 'first', 2_000)
  const quiet = await sendAndWait(third, 'quiet', QUIET_MS)
  t.same([...quiet.statuses.keys()], [200], 'quiet')

  const rivals = await Promise.all(
    HOSTILE.map((namespace) =>
      startTenant(t, server, {
        ...{ ...common, namespace },
        events: [{ name: 'full' }, { name: 'loop', emits: ['loop'] }, { name: 'slow', schema: SLOW_SCHEMA }],
      }),
    ),
  )
  const ending = new AbortController()
  const attacks = rivals.map((tenant, at) => attack(t, tenant, HOSTILE[at] ?? '', ending.signal))
  const beside = await sendAndWait(third, 'beside', securityConfig().minutes * 60_000)
  ending.abort()
  for (const said of await Promise.all(attacks)) t.comment(said)

  t.same([...beside.statuses.keys()], [200], `beside them: ${[...beside.statuses].join('; ')}`)
  const ref = third.ref('ev1')
  const keys = [...quiet.keys, ...beside.keys]
  const contents = await eventually('NATS says what the third has', () =>
    readStreamContents(third.store, ref),
  )
  const { lost } = auditEvents(
    keys.map((key) => ({ key, action: 'ok', accepted: true, executions: 1 })),
    contents,
  )
  t.same(lost, [], 'nothing of the third is lost')
  t.same(third.notes, [], 'no process of the third has ended')
  const [before, after] = [percentile99(quiet.times), percentile99(beside.times)]
  const row = { attack: `two hostile tenants, ${securityConfig().minutes} min` }
  const refused = beside.keys.length - (beside.statuses.get(200) ?? 0)
  report({
    ...{ ...row, bound: '0 refused, 0 lost' },
    measured: `${refused} refused, ${lost.length} lost of ${beside.keys.length}`,
  })
  report({
    ...{ ...row, bound: `p99 of a result below ${MOST_TIMES_QUIET} × quiet` },
    measured: `${after.toFixed(1)} ms, ${(after / before).toFixed(1)} × quiet`,
    isMet: after < MOST_TIMES_QUIET * before,
  })
})
