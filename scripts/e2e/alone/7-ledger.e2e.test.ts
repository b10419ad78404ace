import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { clusterConfig } from '../../faults/config.ts'
import { auditEvents } from '../../faults/ledger/audit.ts'
import { countPending, readStreamContents } from '../../faults/ledger/stream-contents.ts'
import { createRandom } from '../../faults/ledger/random.ts'
import { scheduleFaults, scheduleWords } from '../../faults/ledger/schedule.ts'
import { startSender } from '../../faults/ledger/sender.ts'
import { auditTable } from '../../faults/ledger/table.ts'
import { startCase, type Case, type PodObject } from '../case.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { followExecutions } from '../executions.fixture.ts'
import { INGRESS } from '../http.fixture.ts'
import { kubectl, mustKubectl, SYSTEM } from '../kube.fixture.ts'
import { keptVerdictsStream, keepVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { operatorPods } from '../operator.fixture.ts'

const { seed, minutes } = clusterConfig()
const random = createRandom(seed)
const EVENT = 'ev1'
const DRAIN_LIMIT_MS = 300_000

/** Ends a pod: at once, as a crash of its node does, or as Kubernetes does it. */
async function end(namespace: string, pods: readonly PodObject[], atOnce: boolean): Promise<void> {
  const [first, ...others] = pods
  if (first === undefined) return
  const { name } = random.pick([first, ...others]).metadata
  const how = atOnce ? ['--grace-period=0', '--force'] : ['--wait=false']
  await kubectl(['delete', 'pod', name, '-n', namespace, ...how])
}

const pods = (component: 'listener' | 'runner', atOnce: boolean) => async (c: Case) =>
  end(c.namespace, await c.pods(component, EVENT), atOnce)
const FAULTS: Readonly<Record<string, (c: Case) => Promise<unknown>>> = {
  'runner killed': pods('runner', true),
  'runner deleted': pods('runner', false),
  'listener killed': pods('listener', true),
  'listener deleted': pods('listener', false),
  'operator killed': async () => end(SYSTEM, await operatorPods(), true),
  'NATS killed': () => kubectl(['delete', 'pod', 'nats-0', '-n', SYSTEM, '--grace-period=0', '--force']),
}
const KINDS = Object.keys(FAULTS) as [string, ...string[]]

t.test('pods are killed at random times, and every event is accounted for', async (t) => {
  const lengthMs = minutes * 60_000
  const schedule = scheduleFaults(random, KINDS, { lengthMs, everyMs: 7_000 })
  t.comment(`seed ${seed}: ${scheduleWords(schedule)}`)
  const c = await startCase(t, 'ledger')
  const retry = { maxAttempts: 3, minDelaySeconds: 1, maxDelaySeconds: 2 }
  await c.apply(
    await modules({ [MODULE]: 'faults' }),
    schema(),
    job('ledger', [event(EVENT, { retry, timeoutSeconds: 5 })]),
  )
  await c.ready('ledger')
  const ref = { namespace: c.namespace, job: 'ledger', event: EVENT }
  await keepVerdicts((await openNats(t)).manager, ref)
  const { host } = new URL(await c.url('ledger', EVENT))
  const executions = followExecutions(t, c, EVENT)
  const target = () => ({ ...INGRESS, path: '/', virtualHost: host })
  const sender = startSender({ target, perSecond: 15, random })
  const began = performance.now()
  const until = (ms: number) => delay(Math.max(0, ms - (performance.now() - began)))
  for (const { atMs, kind } of schedule) {
    await until(atMs)
    await FAULTS[kind]?.(c)
  }
  await until(lengthMs)
  const sent = await sender.stop(DRAIN_LIMIT_MS)

  await mustKubectl(['rollout', 'status', 'statefulset/nats', '-n', SYSTEM, '--timeout=180s'])
  const nats = await openNats(t)
  t.teardown(() => nats.manager.streams.delete(keptVerdictsStream(ref)))
  await eventually('nothing is pending', async () => (await countPending(nats, ref)) === 0, {
    withinMs: DRAIN_LIMIT_MS,
  })
  const entries = sent.map((each) => ({ ...each, executions: executions.get(each.key) ?? 0 }))
  const audit = auditEvents(entries, await readStreamContents(nats, ref, { written: true }))
  t.comment(`\n${auditTable([{ fault: 'pods killed', ...audit, lost: audit.lost.length }])}`)
  t.ok(sent.length > 0 && sent.every(({ accepted }) => accepted), 'every event was accepted in the end')
  t.ok(executions.size > sent.length / 2, `most executions were seen, of ${executions.size} events`)
  t.same(audit.lost, [], 'every event that was accepted is pending, done or dead')
  t.same(audit.wrong, [], 'every event has one verdict, and the right one')
})
