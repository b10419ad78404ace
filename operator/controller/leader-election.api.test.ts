import { setTimeout as delay } from 'node:timers/promises'

import { pino } from 'pino'
import t, { type Test } from 'tap'

import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { startApiServer, until } from '../../scripts/testing/api-server.fixture.ts'
import { eventRecorder } from '../event-recorder.ts'
import { startProxy } from '../watch/proxy.fixture.ts'
import { runLeaderElection } from './leader-election.ts'

interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number }
}
interface Event extends KubeObject {
  readonly note: string
}

const log = pino({ level: 'silent' })
const timing = { durationMs: 3_000, renewMs: 300, renewRetryMs: 100, keepMs: 2_000, lookMs: 200 }
const server = await startApiServer(t)
const kube = await server.connect()

/** Who leads which Lease. */
const leaders = new Map<string, string>()

/** A candidate; at most one of those for a Lease may lead at once. */
function candidate(t: Test, name: string, identity: string, through: Kube = kube) {
  const stop = new AbortController()
  let terms = 0
  const done = runLeaderElection({
    kube: through,
    namespace: 'default',
    name,
    identity,
    log,
    signal: stop.signal,
    timing,
    async lead(signal) {
      t.equal(leaders.get(name), undefined, `${identity} leads alone`)
      leaders.set(name, identity)
      terms++
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      leaders.delete(name)
    },
  })
  const end = async () => {
    stop.abort()
    await done
  }
  t.teardown(end)
  return { end, terms: () => terms }
}

const leaseOf = async (name: string) => await kube.get<Lease>(KINDS.lease, { namespace: 'default', name })

t.test('one leads, and hands on when it stops', async (t) => {
  const candidates = new Map(['a', 'b', 'c'].map((name) => [name, candidate(t, 'handed', name)]))
  const led = new Set<string>()
  for (let transitions = 0; candidates.size > 0; transitions++) {
    await until(() => leaders.has('handed'))
    const leader = leaders.get('handed') ?? ''
    t.notOk(led.has(leader))
    led.add(leader)
    t.match(await leaseOf('handed'), {
      spec: { holderIdentity: leader, leaseDurationSeconds: 3, leaseTransitions: transitions },
    })
    await candidates.get(leader)?.end()
    candidates.delete(leader)
  }
  t.same([...led].sort(), ['a', 'b', 'c'])
  t.match(await leaseOf('handed'), { spec: { holderIdentity: '' } })
})

t.test('a leader renews, and outlives a Lease that is removed or edited', async (t) => {
  const leader = candidate(t, 'kept', 'a')
  const version = async () => (await leaseOf('kept'))?.metadata.resourceVersion
  await until(() => leaders.has('kept'))
  for (let times = 0; times < 3; times++) {
    const before = await version()
    await until(async () => (await version()) !== before)
  }
  await kube.patch(KINDS.lease, { namespace: 'default', name: 'kept' }, { metadata: { labels: { a: 'b' } } })
  await kube.remove(KINDS.lease, { namespace: 'default', name: 'kept' })
  await until(async () => (await leaseOf('kept'))?.spec.holderIdentity === 'a')
  t.equal(leader.terms(), 1)
})

t.test('a Lease that another keeps alive is not taken, whatever its times say', async (t) => {
  const past = '1970-01-01T00:00:00.000000Z'
  const spec = { holderIdentity: 'other', leaseDurationSeconds: 3, acquireTime: past, renewTime: past }
  await kube.create(KINDS.lease, { metadata: { name: 'others' }, spec })
  const waiting = candidate(t, 'others', 'a')
  const renewed = performance.now() + timing.durationMs * 1.5
  for (let transitions = 1; performance.now() < renewed; transitions++) {
    await kube.patch(
      KINDS.lease,
      { namespace: 'default', name: 'others' },
      { spec: { leaseTransitions: transitions } },
    )
    t.equal(waiting.terms(), 0)
    await delay(100)
  }
  await until(() => leaders.has('others'))
  t.match(await leaseOf('others'), { spec: { holderIdentity: 'a' } })
})

t.test('leadership that is taken away ends', async (t) => {
  const leader = candidate(t, 'stolen', 'a')
  await until(() => leaders.has('stolen'))
  await kube.patch(
    KINDS.lease,
    { namespace: 'default', name: 'stolen' },
    { spec: { holderIdentity: 'thief' } },
  )
  await until(() => !leaders.has('stolen'))
  t.match(await leaseOf('stolen'), { spec: { holderIdentity: 'thief' } })
  await until(() => leader.terms() === 2)
})

t.test('a leader with no network stops before another begins', async (t) => {
  const gate = await startProxy(t, Number(new URL(server.url).port))
  const cut = await server.connect({ kubeconfig: await server.kubeconfigFor(gate.port) })
  const first = candidate(t, 'cut', 'first', cut)
  await until(() => leaders.has('cut'))
  const second = candidate(t, 'cut', 'second')
  gate.close()
  await until(() => leaders.get('cut') === 'second')
  gate.open()
  await second.end()
  await until(() => leaders.get('cut') === 'first')
  t.equal(first.terms(), 2)
})

t.test('the API server goes away for a while', async (t) => {
  candidate(t, 'restart', 'a')
  candidate(t, 'restart', 'b')
  await until(() => leaders.has('restart'))
  await server.stop('SIGKILL')
  await until(() => !leaders.has('restart'))
  await server.start()
  await until(() => leaders.has('restart'))
})

t.test('what the leader throws is for the caller, and the Lease is free', async (t) => {
  const lead = () => Promise.reject(new Error('broken'))
  const { signal } = new AbortController()
  const options = { kube, namespace: 'default', name: 'broken', identity: 'a', log, signal, lead }
  await t.rejects(runLeaderElection(options), { message: 'broken' })
  t.match(await leaseOf('broken'), { spec: { holderIdentity: '', leaseDurationSeconds: 30 } })
  await runLeaderElection({ ...options, lead: () => Promise.resolve() })
})

t.test('events are recorded on an object', async (t) => {
  const record = eventRecorder({ kube, instance: 'pod-1', log })
  const regarding = await kube.create<KubeObject>(KINDS.configMap, { metadata: { name: 'subject' } })
  const occurrence = { regarding, type: 'Warning', reason: 'ModuleMissing', action: 'Reconcile' } as const
  await record({ ...occurrence, note: 'x.wasm is missing' })
  await record({ ...occurrence, note: `x${'é'.repeat(2_000)}` })
  const { items } = await kube.list<Event>(KINDS.event, { namespace: 'default' })
  t.match(items[0], {
    type: 'Warning',
    reason: 'ModuleMissing',
    action: 'Reconcile',
    note: 'x.wasm is missing',
    reportingController: 'jobico.coeux.dev/operator',
    reportingInstance: 'pod-1',
    regarding: { kind: 'ConfigMap', name: 'subject', uid: regarding.metadata.uid },
  })
  t.equal(items[1]?.note, `x${'é'.repeat(510)}…`)
})

t.test('an event that is refused is logged', async (t) => {
  const lines: string[] = []
  const told = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const stranger = await server.connect({ context: 'stranger' })
  const regarding = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'subject' } }
  await eventRecorder({ kube: stranger, instance: 'pod-1', log: told })({
    regarding,
    type: 'Normal',
    reason: 'Ready',
    action: 'Reconcile',
    note: 'ready',
  })
  t.match(lines, [/Could not record an event/])
})
