import type { JobStatus } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { readBacklog, type Backlog } from '../../functions/queues/backlog.ts'
import type { Log } from '../../functions/process/log.ts'
import { deleteQueues, ensureQueues } from '../../functions/queues/lifecycle.ts'
import { outcomesFullMessage, isFull } from '../../functions/queues/storage-usage.ts'
import { STREAM_METADATA, type QueuePlan } from '../../functions/queues/stream-config.ts'
import { KubeError } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import { controllerOf, type KubeObject, type ObjectName } from '../../knative/kube/object.ts'
import { ANNOTATIONS, MANAGER } from '../../knative/resources/labels.ts'
import type { ServedModule } from '../../knative/resources/plan.ts'
import { listenerName, runnerName } from '../../knative/resources/names.ts'
import { eventsOfOtherJobs, type EventOwner } from './event-ownership.ts'
import { dispositionMessage, FINALIZER, continueDeletion } from '../removal/finalizer.ts'
import type { RecordEvent } from '../event-recorder.ts'
import { wrong, type Fault } from '../faults/fault.ts'
import { cleanUpRemovedEvents } from '../removal/removed-events.ts'
import { jobRef, type RemovalDeps } from '../objects/remove-objects.ts'
import type { Modules } from '../resolve/modules.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { Outputs } from '../resolve/outputs.ts'
import type { Schemas } from '../resolve/schemas.ts'
import { serveEvent, type ServeDeps } from './serve-event.ts'
import { nextStatus, sameStatus, transitions, type EventReport } from './status.ts'
import { isChildOf, type LiveJob } from '../watch/cluster.ts'

/** All that a reconcile works with. */
export interface ReconcileDeps extends ServeDeps, RemovalDeps {
  readonly schemas: Schemas
  readonly modules: Modules
  readonly outputs: Outputs
  readonly record: RecordEvent
  readonly log: Log
  /** Copies of each stream where a Job does not say. */
  readonly queueReplicas: number
}

/** What is kept of a Job between two looks at it. */
interface Memory {
  readonly backlog?: Backlog
  /** When the status was last given counts, in milliseconds of the monotonic clock. */
  readonly countedAt?: number
  /** As it was last written. */
  readonly status?: JobStatus
}

/** How often streams and consumers are looked at. */
const LOOK_MS = 10_000
/** Counts in a status are not written more often than this. */
const COUNT_MS = 30_000
const SOON_MS = 1_000

/** Brings one Job, by its key, to what its object asks for; the answer is after how many ms to look again. */
export type Reconcile = (key: string) => Promise<number | undefined>

/**
 * Makes the one reconcile. It looks only at the state of the cluster, never at what woke it. Rejects when the API server can't be
 * reached; every other fault is told in the status of the Job.
 */
export function createReconcile(deps: ReconcileDeps): Reconcile {
  const memories = new Map<string, Memory>()
  const kept = new Map<string, string>()
  return async (key) => {
    const [namespace = '', name = ''] = key.split('/')
    const job = deps.cluster.jobs.get({ namespace, name })
    if (job === undefined) {
      memories.delete(key)
      return await settleOrphanedQueue(deps, { namespace, name }, kept)
    }
    kept.delete(key)
    if (job.metadata.deletionTimestamp !== undefined) return await finalize(deps, job)
    memories.set(key, await serveJob(deps, job, memories.get(key) ?? {}))
    return LOOK_MS
  }
}

async function serveJob(deps: ReconcileDeps, job: LiveJob, memory: Memory): Promise<Memory> {
  await ensureFinalizer(deps, job)
  const taken = eventsOfOtherJobs(job, deps.cluster.jobs.list(job.metadata.namespace), (event) =>
    ownerOf(deps, job, event),
  )
  const queue = await answerOrFault(() => ensureQueues(deps.nats.use(), queuePlan(deps, job, taken)))
  const events = await serveEvents(deps, job, taken, !('fault' in queue))
  const staying = new Set(job.spec.events.flatMap(({ name }) => (taken.has(name) ? [] : [name])))
  const leaving = await answerOrFault(() => cleanUpRemovedEvents(deps, job, staying))
  const counted = await answerOrFault(() => readBacklog(deps.nats.use(), jobRef(job), memory.backlog))
  const backlog = 'answer' in counted ? counted.answer : memory.backlog
  const isDue = performance.now() - (memory.countedAt ?? -Infinity) >= COUNT_MS
  const before = memory.status ?? job.status
  const status = nextStatus(
    { ...job, ...(before === undefined ? {} : { status: before }) },
    {
      events,
      queue: 'fault' in queue ? queue.fault : roomFault(backlog),
      leaving: 'answer' in leaving ? leaving.answer : [],
      backlog: isDue ? backlog : undefined,
    },
    new Date(),
  )
  await writeStatus(deps, job, before, status)
  return {
    ...(backlog === undefined ? {} : { backlog }),
    ...(isDue ? { countedAt: performance.now() } : keptTime(memory)),
    status,
  }
}

/** The fault of a Job whose outcomes have no room. What it takes in waits in the queue meanwhile. */
function roomFault(backlog: Backlog | undefined): Fault | undefined {
  return backlog !== undefined && isFull(backlog.usage)
    ? wrong('OutcomesFull', outcomesFullMessage(backlog.usage))
    : undefined
}

function keptTime({ countedAt }: Memory): Memory {
  return countedAt === undefined ? {} : { countedAt }
}

/** The events in the order of the spec. All schemas come first, since an output is checked against another event's. */
async function serveEvents(
  deps: ReconcileDeps,
  job: LiveJob,
  taken: ReadonlyMap<string, Fault>,
  hasConsumers: boolean,
): Promise<readonly EventReport[]> {
  const { schemas, modules, outputs } = deps
  const namespace = job.metadata.namespace ?? ''
  const own = job.spec.events.filter(({ name }) => !taken.has(name))
  const resolved = await Promise.all(
    own.map(
      async (event) =>
        [event.name, await schemas.resolve(job, event, servingSchema(deps, job, event.name))] as const,
    ),
  )
  const byEvent = new Map(resolved)
  return await Promise.all(
    job.spec.events.map(async (event): Promise<EventReport> => {
      const schema = byEvent.get(event.name)
      if (schema === undefined)
        return { name: event.name, ready: false, faults: { listener: taken.get(event.name) } }
      const module = await modules.resolve(job, event, servingModule(deps, job, event.name))
      const output = await outputs.resolve(namespace, event, byEvent)
      const others = job.spec.events
        .filter(({ name }) => name !== event.name)
        .map(({ name }) => ({ event: name, schema: byEvent.get(name)?.serves }))
      return await serveEvent(deps, job, event, { schema, module, output, others, hasConsumers })
    }),
  )
}

function servingSchema({ cluster: cluster }: ReconcileDeps, job: LiveJob, event: string): string | undefined {
  const service = cluster.services.get(childName(job, listenerName(event)))
  return service && isChildOf(service, job) ? service.metadata.annotations?.[ANNOTATIONS.schema] : undefined
}

function servingModule(
  { cluster: cluster }: ReconcileDeps,
  job: LiveJob,
  event: string,
): ServedModule | undefined {
  const deployment = cluster.deployments.get(childName(job, runnerName(event)))
  const annotations = deployment && isChildOf(deployment, job) ? deployment.metadata.annotations : undefined
  const running = annotations?.[ANNOTATIONS.module]
  if (running !== undefined) return { digest: running, emits: annotations?.[ANNOTATIONS.emits] === 'true' }
  const told = job.status?.events?.find(({ name }) => name === event)?.module
  return told === undefined ? undefined : { digest: told, emits: true } // it may: the schemas do no harm where it does not
}

function childName({ metadata: { namespace = '' } }: LiveJob, name: string): ObjectName {
  return { namespace, name }
}

/** The living Job whose children serve an event. */
function ownerOf({ cluster: cluster }: ReconcileDeps, job: LiveJob, event: string): EventOwner | undefined {
  const jobs = cluster.jobs.list(job.metadata.namespace)
  const holder = (child: KubeObject | undefined, mustClaim: boolean) => {
    const uid = child && controllerOf(child)?.uid
    return jobs.find(
      ({ metadata, spec }) =>
        metadata.uid === uid && (!mustClaim || spec.events.some(({ name }) => name === event)),
    )
  }
  const found =
    holder(cluster.services.get(childName(job, listenerName(event))), false) ??
    holder(cluster.deployments.get(childName(job, runnerName(event))), true)
  return found && { uid: found.metadata.uid ?? '', name: found.metadata.name }
}

function queuePlan(deps: ReconcileDeps, job: LiveJob, taken: ReadonlyMap<string, Fault>): QueuePlan {
  const { storage, maxBytes, duplicateWindowSeconds, replicas = deps.queueReplicas } = job.spec.queue
  return {
    ref: jobRef(job),
    queue: { storage, maxBytes: parseQuantity(maxBytes), duplicateWindowSeconds, replicas },
    events: job.spec.events
      .filter(({ name }) => !taken.has(name))
      .map(({ name, runner: { maxReplicas, concurrency } }) => ({ event: name, maxReplicas, concurrency })),
    metadata: { [STREAM_METADATA.uid]: job.metadata.uid ?? '' },
  }
}

async function ensureFinalizer({ kube }: ReconcileDeps, job: LiveJob): Promise<void> {
  const { finalizers = [], namespace = '', name, resourceVersion } = job.metadata
  if (finalizers.includes(FINALIZER)) return
  const metadata = { resourceVersion, finalizers: [...finalizers, FINALIZER] }
  await kube.patch(KINDS.job, { namespace, name }, { metadata })
}

async function writeStatus(
  { kube, record }: ReconcileDeps,
  job: LiveJob,
  before: JobStatus | undefined,
  status: JobStatus,
): Promise<void> {
  if (sameStatus(job.status, status)) return
  const { apiVersion, kind, metadata } = job
  const { namespace = '', name } = metadata
  const object = { apiVersion, kind, metadata: { namespace, name }, status }
  await kube.apply(KINDS.job, object, { manager: MANAGER, force: true, subresource: 'status' })
  for (const { type, status: state, reason, message } of transitions(before, status))
    await record({
      regarding: { ...job, apiVersion, kind },
      type: state === 'True' ? 'Normal' : 'Warning',
      reason,
      note: message,
      action: type,
    })
}

/** Goes on with the deletion of a Job, and lets it go at its end. */
async function finalize(deps: ReconcileDeps, job: LiveJob): Promise<number | undefined> {
  const { finalizers = [], namespace = '', name, resourceVersion } = job.metadata
  if (!finalizers.includes(FINALIZER)) return undefined
  const step = await continueDeletion(deps, job, new Date())
  if ('againMs' in step) return step.againMs
  const note = dispositionMessage(step.fate)
  await deps.record({
    regarding: { ...job, apiVersion: job.apiVersion, kind: job.kind },
    type: step.fate.deleted ? 'Normal' : 'Warning',
    reason: step.fate.deleted ? 'QueueDeleted' : 'QueueKept',
    note,
    action: 'Delete',
  })
  deps.log.info({ namespace, job: name, fate: step.fate }, 'Let a deleted Job go')
  const metadata = { resourceVersion, finalizers: finalizers.filter((each) => each !== FINALIZER) }
  await deps.kube.patch(KINDS.job, { namespace, name }, { metadata }).catch(unlessGone)
  return undefined
}

/** The cache may be behind, and what is not there any more needs nothing. */
function unlessGone(thrown: unknown): void {
  if (!(thrown instanceof KubeError) || thrown.status !== 404) throw thrown
}

/** Looks after the queue of a Job that is gone, and tells when what it holds has changed. */
async function settleOrphanedQueue(
  { kube, nats, log }: ReconcileDeps,
  { namespace, name }: ObjectName,
  kept: Map<string, string>,
): Promise<number | undefined> {
  // The cache may be behind, and what is deleted here is gone.
  if ((await kube.get(KINDS.job, { namespace, name })) !== undefined) return SOON_MS
  const end = await answerOrFault(() => deleteQueues(nats.use(), { namespace, job: name }))
  const key = `${namespace}/${name}`
  if ('fault' in end || end.answer.deleted) {
    kept.delete(key)
    return undefined
  }
  const figures = `${end.answer.pending} ${end.answer.dead}`
  if (kept.get(key) !== figures)
    log.warn({ namespace, job: name, ...end.answer }, 'Kept the queue of a Job that is gone')
  kept.set(key, figures)
  return undefined
}
