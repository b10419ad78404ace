import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

import t, { type Test } from 'tap'

import { startIdentityServer, type IdentityServer } from '../../functions/identity/server.fixture.ts'
import { answerOf, percentile99 } from '../../functions/listener/attack/honest.fixture.ts'
import { startAttack } from '../../functions/listener/attack/start.fixture.ts'
import { eventKey } from '../../functions/queues/names.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import type { Component } from '../dev/desired-processes.ts'
import { auditEvents } from '../faults/ledger/audit.ts'
import { readStreamContents } from '../faults/ledger/stream-contents.ts'
import { openCgroup, type Cgroup, type Share } from '../testing/cgroup.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { securityConfig } from './config.ts'
import type { HostileTenant } from './hostile-tenant.fixture.ts'
import { podShares } from './pods.fixture.ts'
import { report } from './report.fixture.ts'
import { startTenant, type Tenant } from './tenant.fixture.ts'

const MiB = 2 ** 20
const QUIET_MS = 20_000
const PER_SECOND = 20
const MOST_TIMES_QUIET = 2
const WAITING = 200
const HOSTILE = ['rival-a', 'rival-b'] as const
/** Each of 2,000 keys is looked at by each of 40 patterns. */
const SLOW_SCHEMA = {
  type: 'object',
  patternProperties: Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`^(a|b|ab)*${at}$`, { type: 'number' }]),
  ),
}

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

/** Has a tenant harm its neighbours in all ways; gives the function that ends that, and says what became of it. */
async function startHostile(
  t: Test,
  tenant: Tenant,
  { server, namespace }: { readonly server: IdentityServer; readonly namespace: string },
  launched: Launched,
) {
  const options: HostileTenant = {
    ...{ namespace, natsUrl: server.server.url, credentialsFile: tenant.cliCredentials },
    ports: { full: tenant.port('full'), loop: tenant.port('loop'), slow: tenant.port('slow') },
  }
  await startAttack(t, {
    ...{ port: tenant.port('full'), name: 'clients that wait', count: WAITING, onLaunch: launched },
  })
  const program = join(import.meta.dirname, 'hostile-tenant.fixture.ts')
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  launched(child.pid)
  const said = text(child.stdout)
  t.teardown(() => child.kill('SIGKILL'))
  return () => {
    child.stdin.end()
    return said
  }
}

type Launched = (pid: number | undefined) => void

/**
 * Gives the function that gives each process a share of its own, as a pod has it. Where that can't be, all of them take what
 * they get of the machine.
 */
function openShares(t: Test): (share: Share) => Launched {
  const groups: Cgroup[] = []
  t.teardown(async () => {
    for (const group of groups)
      await eventually('no process is left in the group', () => {
        group.close()
        return Promise.resolve(true)
      })
  })
  return (share) => (pid) => {
    const group = openCgroup(share)
    if (group === undefined) return
    groups.push(group)
    group.add(pid)
  }
}

/** Not the folder of the test below, which the server has. */
const folder = testFolder(t)

t.test('two hostile tenants beside a third one', async (t) => {
  const module = join(folder, 'guest.wasm')
  await compileAssemblyScript({
    ...{ entry: join(import.meta.dirname, '..', 'faults', 'assembly', 'guest.ts'), out: module },
  })
  const shares = podShares()
  const inShare = openShares(t)
  const server = await startIdentityServer(t, ['third', ...HOSTILE])
  inShare(shares.nats)(server.server.pid)
  const onLaunch = (component: Component, pid: number | undefined) => inShare(shares[component])(pid)
  const common = { module, folder, maxBytes: 16 * MiB, onLaunch }
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
  const attacks = await Promise.all(
    rivals.map((tenant, at) =>
      startHostile(t, tenant, { server, namespace: HOSTILE[at] ?? '' }, inShare(shares.runner)),
    ),
  )
  const beside = await sendAndWait(third, 'beside', securityConfig().minutes * 60_000)
  for (const said of await Promise.all(attacks.map((end) => end()))) t.comment(said)

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
