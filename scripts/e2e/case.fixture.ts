import type { Test } from 'tap'

import type { Job, JobCondition } from '../../crds/job.ts'
import { LABELS, type Component } from '../../knative/resources/labels.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { caseConfig } from './config.ts'
import { eventually, type Patience } from '../testing/eventually.fixture.ts'
import { routed } from './http.fixture.ts'
import { kube, kubectl, mustKubectl } from './kube.fixture.ts'
import { printDiagnostics } from './diagnostics.fixture.ts'
import { record } from './times.ts'

/** A Job as the API server returns it. */
export type LiveJob = Job & KubeObject
/** A condition of a Job to wait for. Fields that are left out may have any value. */
export interface Expected {
  readonly type: string
  readonly status: JobCondition['status']
  readonly reason?: string
  readonly message?: RegExp
}

/** The namespace of one test case, with helpers that work in it. */
export interface Case {
  readonly namespace: string
  /** Applies objects with kubectl. */
  apply(...objects: readonly object[]): Promise<void>
  /** Runs kubectl in the namespace and returns its output. */
  kubectl(...args: readonly string[]): Promise<string>
  list<T extends KubeObject>(kind: Kind, labels?: string): Promise<readonly T[]>
  get<T extends KubeObject>(kind: Kind, name: string): Promise<T | undefined>
  job(name: string): Promise<LiveJob>
  /** Waits until a Job is Ready in its latest generation. */
  ready(job: string, patience?: Patience): Promise<LiveJob>
  /** Waits until a Job has a condition, in its latest generation. */
  condition(job: string, expected: Expected, patience?: Patience): Promise<JobCondition>
  /** The pods of an event, also those that are being deleted. */
  pods(component: Component, event: string): Promise<readonly PodObject[]>
  /** Waits until an event has no pods of a component. */
  atZero(component: Component, event: string): Promise<void>
  /** Waits until an event has an address in its Job's status and the ingress routes it. Returns the address. */
  url(job: string, event: string): Promise<string>
}

/** The fields of a pod that the cases read. */
export interface PodObject extends KubeObject {
  readonly status: {
    readonly podIP?: string
    readonly phase?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly containerStatuses?: readonly { readonly restartCount: number }[]
  }
}

const ZERO_WITHIN_MS = 240_000

/** Creates the namespace of a case. After the test it is deleted; a failed test prints its diagnostics first. */
export async function startCase(t: Test, slug: string): Promise<Case> {
  const namespace = `e2e-${slug}-${caseConfig().run}`
  await mustKubectl(['apply', '-f', '-'], JSON.stringify(restricted(namespace)))
  t.teardown(async () => {
    if (!t.passing()) await printDiagnostics(namespace)
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

/** Whether an address is local to the cluster, so that the public side of the ingress does not serve it. */
function isClusterLocal(url: string): boolean {
  return new URL(url).hostname.endsWith('.svc.cluster.local')
}

/** The expected condition of a Job in its latest generation. Throws when there is none, with the Job's conditions. */
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

/** Runs a function and records how long it took, for the table at the end. */
export async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const value = await run()
  record(caseConfig().timesFile, { what, ms: performance.now() - start })
  return value
}
