import { setTimeout as delay } from 'node:timers/promises'

import type { Test } from 'tap'

import { auditEvents } from '../faults/ledger/audit.ts'
import type { Random } from '../faults/ledger/random.ts'
import { scheduleFaults, scheduleWords, type Span } from '../faults/ledger/schedule.ts'
import { startSender, type Sent } from '../faults/ledger/sender.ts'
import { countPending, readStreamContents } from '../faults/ledger/stream-contents.ts'
import { auditTable } from '../faults/ledger/table.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { keepVerdicts, keptVerdictsStream } from '../testing/kept-verdicts.fixture.ts'
import { startCase, type Case, type PodObject } from './case.fixture.ts'
import { followExecutions } from './executions.fixture.ts'
import { INGRESS } from './http.fixture.ts'
import { kubectl, mustKubectl, SYSTEM } from './kube.fixture.ts'
import { natsPods, openNats } from './nats.fixture.ts'
import { event, job, modules, MODULE, schema } from './objects.fixture.ts'
import { operatorPods } from './operator.fixture.ts'

/** Ends a pod of the case or of the installation. */
type EndPod = (c: Case, random: Random) => Promise<unknown>

const EVENT = 'ev1'
const PER_SECOND = 15
const DRAIN_LIMIT_MS = 300_000

/** The deaths of pods; those that are deleted end as Kubernetes ends them, those that are killed at once. */
export const POD_DEATHS = {
  'runner killed': async (c, random) => end(c.namespace, await c.pods('runner', EVENT), random, AT_ONCE),
  'runner deleted': async (c, random) => end(c.namespace, await c.pods('runner', EVENT), random),
  'listener killed': async (c, random) => end(c.namespace, await c.pods('listener', EVENT), random, AT_ONCE),
  'listener deleted': async (c, random) => end(c.namespace, await c.pods('listener', EVENT), random),
  'operator killed': async (_c, random) => end(SYSTEM, await operatorPods(), random, AT_ONCE),
  'NATS killed': async (_c, random) => end(SYSTEM, await natsPods(), random, AT_ONCE),
  'NATS deleted': async (_c, random) => end(SYSTEM, await natsPods(), random),
} as const satisfies Readonly<Record<string, EndPod>>

const AT_ONCE = ['--grace-period=0', '--force']

async function end(
  namespace: string,
  pods: readonly PodObject[],
  random: Random,
  how: readonly string[] = ['--wait=false'],
): Promise<void> {
  const [first, ...others] = pods
  if (first === undefined) return
  const { name } = random.pick([first, ...others]).metadata
  await kubectl(['delete', 'pod', name, '-n', namespace, ...how])
}

/** What happens in a case, and how often. */
export interface LedgerCase extends Span {
  /** The name of its Job, and part of the name of its namespace. */
  readonly name: string
  readonly deaths: readonly [keyof typeof POD_DEATHS, ...(keyof typeof POD_DEATHS)[]]
  readonly random: Random
}

/** Sends events while pods of a Job and of the installation end, and then audits what became of every event. */
export async function ledgerCase(t: Test, ledger: LedgerCase): Promise<void> {
  const { name } = ledger
  const c = await startCase(t, name)
  const retry = { maxAttempts: 3, minDelaySeconds: 1, maxDelaySeconds: 2 }
  await c.apply(
    await modules({ [MODULE]: 'faults' }),
    schema(),
    job(name, [event(EVENT, { retry, timeoutSeconds: 5 })]),
  )
  await c.ready(name)
  const ref = { namespace: c.namespace, job: name, event: EVENT }
  await keepVerdicts((await openNats(t, c.namespace)).manager, ref, (await natsPods()).length)
  const executions = followExecutions(t, c, EVENT)
  const sent = await sendMeanwhile(t, c, ledger)

  await mustKubectl(['rollout', 'status', 'statefulset/nats', '-n', SYSTEM, '--timeout=180s'])
  const nats = await openNats(t, c.namespace)
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
}

/** Sends events until the last pod has ended and each is accepted. */
async function sendMeanwhile(
  t: Test,
  c: Case,
  { name, deaths, random, ...span }: LedgerCase,
): Promise<readonly Sent[]> {
  const schedule = scheduleFaults(random, deaths, span)
  t.comment(scheduleWords(schedule))
  const { host } = new URL(await c.url(name, EVENT))
  const target = () => ({ ...INGRESS, path: '/', virtualHost: host })
  const sender = startSender({ target, perSecond: PER_SECOND, random })
  const began = performance.now()
  const until = (ms: number) => delay(Math.max(0, ms - (performance.now() - began)))
  for (const { atMs, kind } of schedule) {
    await until(atMs)
    await POD_DEATHS[kind](c, random)
  }
  await until(span.lengthMs)
  return await sender.stop(DRAIN_LIMIT_MS)
}
