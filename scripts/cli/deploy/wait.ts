import { setTimeout as delay } from 'node:timers/promises'

import type { Job } from '../../../crds/job.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { ObjectName } from '../../../knative/kube/object.ts'
import { LABELS } from '../../../knative/labels.ts'
import type { KnativeServiceObject } from '../../../knative/observed.ts'
import { changedConditions, judge, type ExpectedEvent, type Sight } from './judgement.ts'

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
  let wrongSince: { readonly message: string; readonly at: number } | undefined
  let before: Job | undefined
  for (;;) {
    const sight = await look(kube, awaited)
    for (const line of changedConditions(before, sight.job)) progress(`${awaited.name}: ${line}`)
    before = sight.job
    const judgement = judge(sight, awaited.events)
    if (judgement.kind === 'served') return sight.job
    const now = performance.now()
    if (judgement.kind === 'coming') wrongSince = undefined
    else if (wrongSince?.message !== judgement.message) wrongSince = { message: judgement.message, at: now }
    const isLasting = wrongSince !== undefined && now - wrongSince.at > WRONG_FOR_MS
    if (isLasting || now - startedAt > timeoutMs)
      throw notServed(awaited, judgement.message, isLasting, timeoutMs)
    await delay(POLL_MS)
  }
}

async function look(kube: Kube, { namespace, name }: ObjectName): Promise<Sight> {
  const job = await kube.get<Job>(KINDS.job, { namespace, name })
  if (job === undefined || job.metadata.deletionTimestamp !== undefined)
    throw new Error(`the Job ${name} was deleted while it was waited for; deploy it again`)
  const { items } = await kube.list<KnativeServiceObject>(KINDS.knativeService, {
    namespace,
    labels: `${LABELS.job}=${name}`,
  })
  return { job, listeners: new Map(items.map((item) => [item.metadata.labels?.[LABELS.event] ?? '', item])) }
}

function notServed({ name }: ObjectName, message: string, isLasting: boolean, timeoutMs: number): Error {
  return new Error(
    isLasting
      ? `the Job ${name} is not Ready: ${message}`
      : `the Job ${name} is not Ready after ${timeoutMs / 1_000} s: ${message}; follow it with jobico status ${name}, or wait for longer with --timeout`,
  )
}
