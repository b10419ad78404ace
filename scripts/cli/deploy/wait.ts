import { setTimeout as delay } from 'node:timers/promises'

import type { Job } from '../../../crds/job.ts'
import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { ObjectName } from '../../../knative/kube/object.ts'
import { LABELS } from '../../../knative/resources/labels.ts'
import type { KnativeServiceObject } from '../../../knative/status/observed.ts'
import {
  changedConditions,
  judge,
  type ExpectedEvent,
  type Judgement,
  type Observation,
} from './readiness.ts'

/** A Job to wait for. */
export interface AwaitedJob extends ObjectName {
  readonly events: readonly ExpectedEvent[]
}

/** How long to wait, and where to report progress. */
export interface WaitOptions {
  readonly timeoutMs: number
  readonly progress: (line: string) => void
}

const POLL_MS = 500
/** The operator reconciles every ten seconds: a fault that lasts longer than this does not go away by itself. */
const WRONG_FOR_MS = 20_000

/** Waits until a Job serves all that was deployed, and returns it. Throws an Error with the condition that does not hold. */
export async function untilServed(
  kube: Kube,
  awaited: AwaitedJob,
  { timeoutMs, progress }: WaitOptions,
): Promise<Job> {
  const startedAt = performance.now()
  const isLasting = wrongForLong()
  let before: Job | undefined
  for (;;) {
    const { job, judgement } = await poll(kube, awaited)
    if (job !== undefined) {
      for (const line of changedConditions(before, job)) progress(`${awaited.name}: ${line}`)
      if (judgement.kind === 'served') return job
      before = job
    }
    const now = performance.now()
    if (isLasting(judgement, now))
      throw new Error(`the Job ${awaited.name} is not Ready: ${judgement.message}`)
    if (now - startedAt > timeoutMs) throw timeoutError(awaited, timeoutMs, judgement.message)
    await delay(POLL_MS)
  }
}

/** Returns a function that is called with each judgement, and says whether the same fault has lasted too long. */
function wrongForLong(): (judgement: Judgement, now: number) => boolean {
  let wrong: { readonly message: string; readonly since: number } | undefined
  return ({ kind, message }, now) => {
    if (kind !== 'wrong') wrong = undefined
    else if (wrong?.message !== message) wrong = { message, since: now }
    return wrong !== undefined && now - wrong.since > WRONG_FOR_MS
  }
}

interface PollResult {
  /** Absent when the API server could not be reached. */
  readonly job?: Job
  readonly judgement: Judgement
}

async function poll(kube: Kube, awaited: AwaitedJob): Promise<PollResult> {
  try {
    const observation = await observe(kube, awaited)
    return { job: observation.job, judgement: judge(observation, awaited.events) }
  } catch (fault) {
    if (!(fault instanceof KubeError) || fault.status !== 0) throw fault
    return { judgement: { kind: 'coming', message: fault.message } }
  }
}

async function observe(kube: Kube, { namespace, name }: ObjectName): Promise<Observation> {
  const job = await kube.get<Job>(KINDS.job, { namespace, name })
  if (job === undefined || job.metadata.deletionTimestamp !== undefined)
    throw new Error(`the Job ${name} was deleted while it was waited for; deploy it again`)
  const { items } = await kube.list<KnativeServiceObject>(KINDS.knativeService, {
    namespace,
    labels: `${LABELS.job}=${name}`,
  })
  return { job, listeners: new Map(items.map((item) => [item.metadata.labels?.[LABELS.event] ?? '', item])) }
}

function timeoutError({ name }: ObjectName, timeoutMs: number, message: string): Error {
  return new Error(
    `the Job ${name} does not serve after ${timeoutMs / 1_000} s: ${message}; follow it with jobico status ${name}, or wait for longer with --timeout`,
  )
}
