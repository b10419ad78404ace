import t, { type Test } from 'tap'

import { eventSubjects, parseSubject, streamNames, type EventRef } from '../../../functions/queues/names.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { startCase, type Case } from '../case.fixture.ts'
import { childrenOf } from '../children.fixture.ts'
import { jobico } from '../jobico.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startFlow } from '../flow.fixture.ts'
import { accepted } from '../http.fixture.ts'
import {
  countVerdicts,
  forgetOutcomes,
  openNats,
  resultOf,
  verdictCounts,
  type Nats,
} from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const JOB = 'goner'
const EVENT = 'ev1'
const UNDER_WAY = 60
const BACKLOG = 15
/** Long enough that some wait, however slow the machine is. */
const SPIN_MS = 6_000

interface Scene {
  readonly c: Case
  readonly nats: Nats
  readonly ref: EventRef
  readonly url: string
  applyJob(): Promise<void>
  /** Deletes the Job, and waits until it and its children are gone. */
  remove(): Promise<void>
}

async function startScene(t: Test, slug: string, runner: object): Promise<Scene> {
  const c = await startCase(t, slug)
  const nats = await openNats(t, c.namespace)
  const applyJob = async () => {
    await c.apply(job(JOB, [event(EVENT, { runner })]))
    await c.ready(JOB)
  }
  await c.apply(await modules({ [MODULE]: 'v1' }), schema())
  await applyJob()
  return {
    c,
    nats,
    ref: { namespace: c.namespace, job: JOB, event: EVENT },
    url: await c.url(JOB, EVENT),
    applyJob,
    async remove() {
      await c.kubectl('delete', 'jobs.jobico.coeux.dev', JOB, '--timeout=120s')
      await eventually('its children are gone', async () => (await childrenOf(c, JOB)).size === 0)
    },
  }
}

/** The keys of an event whose verdict is written from now on. */
function watchVerdicts({ nats, ref }: Scene): Set<string> {
  const seen = new Set<string>()
  for (const kind of ['done', 'dead'] as const)
    nats.connection.subscribe(eventSubjects(ref).record('*', kind), {
      callback: (_fault, { subject }) => void seen.add(parseSubject(subject).key),
    })
  return seen
}

async function streamsGo({ nats, ref }: Scene): Promise<void> {
  await eventually('its streams are gone', async () => {
    const names = await nats.streamsOf(ref)
    if (names.length > 0) throw new Error(names.join(', '))
    return true
  })
}

t.jobs = 3

t.test('a Job goes under load', { buffered: true }, async (t) => {
  const scene = await startScene(t, 'gone-load', { cooldownSeconds: 30 })
  const { c, nats, ref, url, remove } = scene
  const verdicts = watchVerdicts(scene)
  const flow = startFlow(url, (n) => ({ n }))
  await eventually('events flow', async () => Promise.resolve(flow.acceptedSoFar() >= UNDER_WAY))
  await remove()
  const flowed = await flow.stop()
  t.ok(flowed.refused.length > 0, `then events were refused, ${flowed.refused.length} of them`)
  const open = flowed.accepted.filter((key) => !verdicts.has(key))
  if (open.length > 0) {
    t.comment(`${open.length} of ${flowed.accepted.length} had no verdict when the Job was gone`)
    t.same([...(await nats.states(ref, open)).keys()], ['pending'], 'what has no verdict is still there')
    await scene.applyJob()
    await nats.ended(ref, open)
    await remove()
  }
  t.same(
    flowed.accepted.filter((key) => !verdicts.has(key)),
    [],
    'no event that was answered with 202 is lost',
  )
  await streamsGo(scene)
  t.equal(await c.get(KINDS.job, JOB), undefined)
})

t.test('a Job goes with a backlog', { buffered: true }, async (t) => {
  const scene = await startScene(t, 'gone-wait', { concurrency: 1, maxReplicas: 1, cooldownSeconds: 30 })
  const { nats, ref, url, remove, applyJob } = scene
  await countVerdicts(t, nats, ref)
  const keys = await Promise.all(
    Array.from({ length: BACKLOG }, (_, n) => accepted(url, { n, spinMs: SPIN_MS })),
  )
  await remove()
  const states = await nats.states(ref, keys)
  t.ok((states.get('pending')?.length ?? 0) > 0, 'events wait')
  t.same(
    [...states.keys()].filter((state) => state === 'unknown'),
    [],
    'and none is lost',
  )
  t.same(await nats.streamsOf(ref), Object.values(streamNames(ref)), 'their streams stay')
  await applyJob()
  const verdicts = await nats.ended(ref, keys)
  t.same(
    verdicts.map(resultOf),
    keys.map((_, n) => ({ version: 'v1', n })),
    'a new Job of that name works them off',
  )
  t.same(await verdictCounts(nats, ref), { written: BACKLOG, held: BACKLOG }, 'each once')
  await remove()
  await streamsGo(scene)
})

t.test('a Job goes with a dead letter', { buffered: true }, async (t) => {
  const scene = await startScene(t, 'gone-dead', { cooldownSeconds: 30 })
  const { c, nats, ref, url, remove, applyJob } = scene
  const folder = t.testdir({})
  const cli = (...args: readonly string[]) => jobico(c.namespace, folder, ...args)
  const key = await accepted(url, { reject: 'not today' })
  t.match(await nats.ended(ref, [key]), [{ kind: 'dead', code: 'REJECTED', reason: 'not today' }])
  await remove()
  t.same(await nats.streamsOf(ref), Object.values(streamNames(ref)), 'its streams stay')
  await applyJob()
  await eventually('the status of the new Job counts it', async () => (await c.job(JOB)).status?.dead === 1)
  t.match(await cli('dead', 'list', JOB), { code: 0, stdout: new RegExp(`${key}[^]*not today`) })
  await forgetOutcomes(nats, ref)
  await remove()
  await streamsGo(scene)
})
