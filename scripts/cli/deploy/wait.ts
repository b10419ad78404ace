import { setTimeout as delay } from 'node:timers/promises'

import type { Job } from '../../../crds/job.ts'
import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { ObjectName } from '../../../knative/kube/object.ts'
import { LABELS } from '../../../knative/resources/labels.ts'
import type { KnativeServiceObject } from '../../../knative/status/observed.ts'
import { changedConditions, judge, type ExpectedEvent, type Judgement, type Sight } from './judgement.ts'

/** A Job that is waited for. */
export interface AwaitedJob extends ObjectName {
  readonly events: readonly ExpectedEvent[]
}

/** How it is waited. */
export interface WaitHow {
  readonly timeoutMs: number
  readonly progress: (line: string) => void
}

const POLL_MS = 500
/** The operator looks at everything every ten seconds: what is wrong for longer than this does not mend by itself. */
const WRONG_FOR_MS = 20_000

/** Waits until a Job serves all that was deployed, and gives it. Throws an Error with the condition that is not met. */
export async function untilServed(
  kube: Kube,
  awaited: AwaitedJob,
  { timeoutMs, progress }: WaitHow,
): Promise<Job> {
  const startedAt = performance.now()
  const isLasting = wrongForLong()
  let before: Job | undefined
  for (;;) {
    const { job, judgement } = await look(kube, awaited)
    if (job !== undefined) {
      for (const line of changedConditions(before, job)) progress(`${awaited.name}: ${line}`)
      if (judgement.kind === 'served') return job
      before = job
    }
    const now = performance.now()
    if (isLasting(judgement, now))
      throw new Error(`the Job ${awaited.name} is not Ready: ${judgement.message}`)
    if (now - startedAt > timeoutMs) throw tooLate(awaited, timeoutMs, judgement.message)
    await delay(POLL_MS)
  }
}

/** Says of one judgement after another whether the same thing has been wrong for too long. */
function wrongForLong(): (judgement: Judgement, now: number) => boolean {
  let wrong: { readonly message: string; readonly since: number } | undefined
  return ({ kind, message }, now) => {
    if (kind !== 'wrong') wrong = undefined
    else if (wrong?.message !== message) wrong = { message, since: now }
    return wrong !== undefined && now - wrong.since > WRONG_FOR_MS
  }
}

interface Look {
  /** Absent where the API server could not be reached. */
  readonly job?: Job
  readonly judgement: Judgement
}

async function look(kube: Kube, awaited: AwaitedJob): Promise<Look> {
  try {
    const sight = await see(kube, awaited)
    return { job: sight.job, judgement: judge(sight, awaited.events) }
  } catch (fault) {
    if (!(fault instanceof KubeError) || fault.status !== 0) throw fault
    return { judgement: { kind: 'coming', message: fault.message } }
  }
}

async function see(kube: Kube, { namespace, name }: ObjectName): Promise<Sight> {
  const job = await kube.get<Job>(KINDS.job, { namespace, name })
  if (job === undefined || job.metadata.deletionTimestamp !== undefined)
    throw new Error(`the Job ${name} was deleted while it was waited for; deploy it again`)
  const { items } = await kube.list<KnativeServiceObject>(KINDS.knativeService, {
    namespace,
    labels: `${LABELS.job}=${name}`,
  })
  return { job, listeners: new Map(items.map((item) => [item.metadata.labels?.[LABELS.event] ?? '', item])) }
}

function tooLate({ name }: ObjectName, timeoutMs: number, message: string): Error {
  return new Error(
    `the Job ${name} does not serve after ${timeoutMs / 1_000} s: ${message}; follow it with jobico status ${name}, or wait for longer with --timeout`,
  )
}
