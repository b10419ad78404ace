import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openModuleStore } from '../../../functions/modules/module-store.ts'
import { digestOf } from '../../../functions/modules/digest.ts'
import type { EventRef } from '../../../functions/queues/names.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { ANNOTATIONS } from '../../../knative/resources/labels.ts'
import { startListener } from '../accept.ts'
import { startSubject } from '../place.ts'
import { until } from '../../testing/api-server.ts'
import { measureRest, type Rest } from './at-rest.ts'
import { openInstallation, type Installation } from './installation.ts'
import { anotherVersion, compileModule, createJobs, MODULE, type Jobs, type MakingTimes } from './jobs.ts'
import { startKeda, type Keda, type WakeTimes } from './keda.ts'

/** How many idle events are woken, at most. */
const WOKEN = 500

/** Percentiles, in milliseconds. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

/** What was measured with so many Jobs of one event each. */
export interface JobsFigures {
  readonly jobs: number
  readonly servers: number
  readonly made: MakingTimes
  readonly rest: Rest
  /** From the PubAck of an idle event's first message to the scaler's word. */
  readonly wake: {
    readonly events: number
    readonly oneByOne: Percentiles
    readonly together: Percentiles
  }
  /** A module that was pushed to the last namespace after all Jobs were there. */
  readonly pushed: {
    /** How many Jobs use it. */
    readonly jobs: number
    /** Until the operator has written it into the Deployments of all of them. */
    readonly seconds: number
    /** Until a runner that has just been started gives the result of an event with it. */
    readonly resultSeconds: number
  }
}

/** What to measure. */
export interface JobsExtent {
  /** Numbers of Jobs, from the smallest to the largest. */
  readonly jobs: readonly number[]
  readonly servers: 1 | 3
  readonly restSeconds: number
}

/** Measures one installation while its Jobs become more; `onFigures` gets the figures of each number as they come. */
export async function measureJobs(
  { jobs: numbers, servers, restSeconds }: JobsExtent,
  environment: Readonly<Record<string, string | undefined>>,
  {
    progress,
    onFigures,
  }: {
    readonly progress: (line: string) => void
    readonly onFigures: (figures: JobsFigures) => Promise<void>
  },
): Promise<void> {
  progress('starting an API server, nats-servers and two operators')
  const installation = await openInstallation(servers, environment)
  const folder = await mkdtemp(join(tmpdir(), 'jobico-growth-'))
  const module = await compileModule(folder)
  const jobs = createJobs(
    { kube: installation.kube, natsOf: () => Promise.resolve(installation.nats), copies: servers },
    module,
  )
  const keda = startKeda(installation.natsUrl, installation.standby.scalerPort)
  const parts = { installation, jobs, keda, module, folder }
  try {
    for (const count of numbers)
      await onFigures(await measureCount(parts, count, { servers, restSeconds, progress }))
  } finally {
    await keda.stop()
    await jobs.close()
    await installation.close()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Parts {
  readonly installation: Installation
  readonly jobs: Jobs
  readonly keda: Keda
  readonly module: Uint8Array
  readonly folder: string
}

async function measureCount(
  { installation, jobs, keda, module, folder }: Parts,
  count: number,
  {
    servers,
    restSeconds,
    progress,
  }: Pick<JobsExtent, 'servers' | 'restSeconds'> & { readonly progress: (line: string) => void },
): Promise<JobsFigures> {
  progress(`${count} Jobs: making them`)
  const before = jobs.refs.length
  const made = await jobs.growTo(count)
  await keda.follow(jobs.refs.slice(before))
  progress(`${count} Jobs: at rest, for ${restSeconds} s once nothing is written any more`)
  const rest = await measureRest(installation, restSeconds)
  progress(`${count} Jobs: first messages of idle events`)
  const wake = await measureWakes(keda, jobs.refs.slice(0, WOKEN))
  progress(`${count} Jobs: a new version of a module`)
  const pushed = await measurePush(installation, jobs, { module: anotherVersion(module, count), folder })
  return { jobs: count, servers, made, rest, wake, pushed }
}

async function measureWakes(keda: Keda, refs: readonly EventRef[]): Promise<JobsFigures['wake']> {
  const oneByOne = percentiles(await keda.wake(refs, false))
  const together = percentiles(await keda.wake(refs, true))
  return { events: refs.length, oneByOne, together }
}

function percentiles(times: WakeTimes): Percentiles {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN) * 100) / 100
  return { p50: at(0.5), p99: at(0.99) }
}

/** Pushes a version to the namespace of the last Job, and runs an event of that Job with it as its pods would. */
async function measurePush(
  { kube, nats, natsUrl }: Installation,
  { refs }: Jobs,
  { module, folder }: { readonly module: Uint8Array; readonly folder: string },
): Promise<JobsFigures['pushed']> {
  const ref = refs.at(-1)
  if (ref === undefined) throw new Error('there is no Job')
  const digest = digestOf(module)
  const store = await openModuleStore(nats, ref.namespace)
  const began = performance.now()
  const since = () => Math.round(performance.now() - began) / 1_000
  await store.put(MODULE, module)
  let jobs = 0
  await until(async () => {
    const { items } = await kube.list<KubeObject>(KINDS.deployment, { namespace: ref.namespace })
    jobs = items.length
    return items.every(({ metadata }) => metadata.annotations?.[ANNOTATIONS.module] === digest)
  })
  const seconds = since()
  const place = { folder, environmentOf: () => ({ NATS_URL: natsUrl }) }
  const listener = await startListener(place, ref)
  const runner = startSubject('runner', place, ref, { JOBICO_MODULE: digest })
  try {
    await listener.result()
  } finally {
    await runner.stop()
    await listener.stop()
  }
  return { jobs, seconds, resultSeconds: since() }
}
