import type { Test } from 'tap'

import type { Job, JobCondition } from '../../crds/job.ts'
import { LABELS, type Component } from '../../knative/resources/labels.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { caseConfig } from './config.ts'
import { eventually, type Patience } from '../testing/eventually.fixture.ts'
import { routed } from './http.fixture.ts'
import { kube, kubectl, mustKubectl } from './kube.fixture.ts'
import { tellWhatIsThere } from './tell.fixture.ts'
import { record } from './times.ts'

/** A Job as the API server gives it. */
export type LiveJob = Job & KubeObject
/** A condition of a Job that is waited for: fields that are not named may be anything. */
export interface Expected {
  readonly type: string
  readonly status: JobCondition['status']
  readonly reason?: string
  readonly message?: RegExp
}

/** A namespace of its own, and what can be done in it. */
export interface Case {
  readonly namespace: string
  /** Applies objects with kubectl. */
  apply(...objects: readonly object[]): Promise<void>
  /** Runs kubectl in the namespace, and gives what it says. */
  kubectl(...args: readonly string[]): Promise<string>
  list<T extends KubeObject>(kind: Kind, labels?: string): Promise<readonly T[]>
  get<T extends KubeObject>(kind: Kind, name: string): Promise<T | undefined>
  job(name: string): Promise<LiveJob>
  /** Waits until a Job is Ready in its latest generation. */
  ready(job: string, patience?: Patience): Promise<LiveJob>
  /** Waits until a Job has a condition, in its latest generation. */
  condition(job: string, expected: Expected, patience?: Patience): Promise<JobCondition>
  /** The pods of an event that are there, also those that are going. */
  pods(component: Component, event: string): Promise<readonly PodObject[]>
  /** Waits until an event has no pods of a component. */
  atZero(component: Component, event: string): Promise<void>
  /** The address of an event in its Job's status, as soon as the ingress knows it. */
  url(job: string, event: string): Promise<string>
}

/** A pod, as far as cases look at it. */
export interface PodObject extends KubeObject {
  readonly status: {
    readonly podIP?: string
    readonly phase?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly containerStatuses?: readonly { readonly restartCount: number }[]
  }
}

const ZERO_WITHIN_MS = 240_000

/** Makes the namespace of a case. It goes with the test, which tells first what is in it if it has failed. */
export async function startCase(t: Test, slug: string): Promise<Case> {
  const namespace = `e2e-${slug}-${caseConfig().run}`
  await mustKubectl(['apply', '-f', '-'], JSON.stringify(restricted(namespace)))
  t.teardown(async () => {
    if (!t.passing()) await tellWhatIsThere(namespace)
    await kubectl(['delete', 'namespace', namespace, '--wait=false'])
  })
  return caseIn(namespace)
}

/** A namespace whose pods have to meet the strictest of the Pod Security Standards. */
function restricted(name: string): object {
  const labels = {
    'pod-security.kubernetes.io/enforce': 'restricted',
    'app.kubernetes.io/part-of': 'jobico-e2e',
  }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

function caseIn(namespace: string): Case {
  const known = new Set<string>()
  const get = <T extends KubeObject>(kind: Kind, name: string) => kube.get<T>(kind, { namespace, name })
  const list = async <T extends KubeObject>(kind: Kind, labels?: string) =>
    (await kube.list<T>(kind, { namespace, ...(labels === undefined ? {} : { labels }) })).items
  const job = async (name: string) => {
    const live = await get<LiveJob>(KINDS.job, name)
    if (live === undefined) throw new Error(`the Job ${name} is not there`)
    return live
  }
  const pods = (component: Component, event: string) =>
    list<PodObject>(KINDS.pod, `${LABELS.component}=${component},${LABELS.event}=${event}`)
  const condition = (name: string, expected: Expected, patience?: Patience) =>
    eventually(
      `the Job ${name} has ${expected.type} ${expected.status} ${expected.reason ?? ''} ${String(expected.message ?? '')}`,
      async () => found(await job(name), expected),
      patience,
    )
  return {
    namespace,
    get,
    list,
    job,
    pods,
    condition,
    async apply(...objects) {
      const all = { apiVersion: 'v1', kind: 'List', items: objects }
      await mustKubectl(['apply', '-n', namespace, '-f', '-'], JSON.stringify(all))
    },
    kubectl: (...args) => mustKubectl(['-n', namespace, ...args]),
    async ready(name, patience) {
      await condition(name, { type: 'Ready', status: 'True' }, patience)
      return await job(name)
    },
    async atZero(component, event) {
      await eventually(
        `the ${component} of ${event} is at zero`,
        async () => (await pods(component, event)).length === 0,
        { withinMs: ZERO_WITHIN_MS, everyMs: 1_000 },
      )
    },
    async url(name, event) {
      const url = await eventually(`the Job ${name} has an address for ${event}`, async () => {
        const { status } = await job(name)
        return status?.events?.find((one) => one.name === event)?.url
      })
      if (!known.has(url) && !isClusterLocal(url))
        await eventually(`the ingress knows ${url}`, () => routed(url))
      known.add(url)
      return url
    },
  }
}

/** Whether an address is one that the public side of the ingress does not serve. */
function isClusterLocal(url: string): boolean {
  return new URL(url).hostname.endsWith('.svc.cluster.local')
}

/** The condition that is expected, if a Job has it in its latest generation. Throws, with what it has, otherwise. */
function found({ metadata, status }: LiveJob, expected: Expected): JobCondition {
  const conditions = status?.conditions ?? []
  const condition = conditions.find(
    (one) => one.observedGeneration === metadata.generation && meets(one, expected),
  )
  if (condition === undefined) throw new Error(`it has ${JSON.stringify(conditions)}`)
  return condition
}

function meets(condition: JobCondition, { type, status, reason, message }: Expected): boolean {
  return (
    condition.type === type &&
    condition.status === status &&
    (reason === undefined || condition.reason === reason) &&
    (message === undefined || message.test(condition.message))
  )
}

/** Runs something, and records how long it took for the table at the end. */
export async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const value = await run()
  record(caseConfig().timesFile, { what, ms: performance.now() - start })
  return value
}
