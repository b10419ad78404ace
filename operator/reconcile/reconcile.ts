import type { Job, JobStatus } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { readBacklog, type Backlog } from '../../functions/queues/backlog.ts'
import type { Log } from '../../functions/process/log.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import type { JobRef } from '../../functions/queues/names.ts'
import { grantedTo, LIMIT_EXCEEDED, limitFault, type NamespaceSettings } from './namespace-limits.ts'
import { credentialsFault, openFault } from './identity-fault.ts'
import { lowStorageFault, roomFault } from './room-fault.ts'
import type { StorageReport } from '../../functions/storage/report.ts'
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
import type { Fault } from '../faults/fault.ts'
import { settleOrphanedQueue } from '../removal/orphaned-queue.ts'
import { cleanUpRemovedEvents } from '../removal/removed-events.ts'
import { jobRef, type RemovalDeps } from '../objects/remove-objects.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import type { Modules } from '../resolve/modules.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { Outputs } from '../resolve/outputs.ts'
import { refusedSecrets } from '../resolve/reach.ts'
import type { Schemas } from '../resolve/schemas.ts'
import { serveEvent, type ServeDeps } from './serve-event.ts'
import { nextLookMs, type Looked } from './next-look.ts'
import { nextStatus, sameStatus, transitions, type EventReport, type JobReport } from './job-status.ts'
import { UPGRADED, upgradeJob, type JobUpgrade } from './upgrade-job.ts'
import { isChildOf, type LiveJob } from '../watch/cluster-state.ts'

/** What a reconcile needs. */
export interface ReconcileDeps extends ServeDeps, RemovalDeps {
  readonly nats: Pick<LeaderNats, 'open' | 'prepare' | 'isOpen' | 'isClosed'>
  readonly schemas: Schemas
  readonly modules: Modules
  readonly outputs: Outputs
  readonly record: RecordEvent
  readonly log: Log
  /** The report of a NATS server whose disk is nearly full, if there is one. */
  readonly lowStorage: () => StorageReport | undefined
  /**
   * Requests a reconcile of a Job the next time that something is stored which its runners can run. Gives false if that was
   * requested before, and did not happen yet.
   */
  readonly whenStored: (job: JobRef) => boolean
  /** The limits of a namespace, and what its Jobs may reach. */
  readonly limits: (namespace: string) => NamespaceSettings
  /** Replicas of each stream, unless the Job sets them. */
  readonly queueReplicas: number
}

/** What a reconcile of a Job leaves for the next one. */
interface Previous {
  readonly backlog?: Backlog
  /** Whether the backlog was counted in the last reconcile. */
  readonly isFresh?: boolean
  /** Until when this backlog is not counted again, in milliseconds of the monotonic clock. */
  readonly countedUntil?: number
  /** When counts were last written to the status, in milliseconds of the monotonic clock. */
  readonly countedAt?: number
  /** The status as it was last written; the cache may be behind it. */
  readonly status?: JobStatus
  /** Whether nothing of version 0.1.0 is left; this version makes nothing like it. */
  readonly upgraded?: boolean
}

/** The counts in a status are written at most this often. */
const COUNTS_MS = 30_000
/** Counting takes at most this share of the time: NATS goes through all outcomes of a Job, and there may be a million. */
const COUNTING_SHARE = 0.02

/** Reconciles the Job `<namespace>/<name>`. Gives in how many ms to reconcile it again; undefined for never. */
export type Reconcile = (key: string) => Promise<number | undefined>

/**
 * Makes the reconcile function. It works from the state of the cluster alone, whatever change requested it. Rejects when the
 * API server can't be reached; every other fault goes into the status of the Job.
 */
export function createReconcile(deps: ReconcileDeps): Reconcile {
  const previous = new Map<string, Previous>()
  const reported = new Map<string, string>()
  return async (key) => {
    const [namespace = '', name = ''] = key.split('/')
    const job = deps.cluster.jobs.get({ namespace, name })
    if (job === undefined) {
      previous.delete(key)
      return await settleOrphanedQueue(deps, { namespace, name }, reported)
    }
    reported.delete(key)
    if (job.metadata.deletionTimestamp !== undefined) return await finalize(deps, job)
    const served = await serveJob(deps, job, previous.get(key) ?? {})
    previous.set(key, served)
    const look = lookedAt(served)
    // What was stored between the count and this subscription is found by one more look.
    const isToldAnew = look.steady && look.pending === 0 && deps.whenStored(jobRef(job))
    return nextLookMs({ ...look, steady: look.steady && !isToldAnew }, Math.random())
  }
}

/** A Job is steady if it is ready, no event is leaving it, and its status has what was counted in this very look. */
function lookedAt({ status, backlog, isFresh = false }: Previous): Looked {
  if (status === undefined || backlog === undefined) return { steady: false, pending: 0, dead: 0 }
  const { pending, dead } = backlog
  const isReady =
    status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true &&
    status.events?.every(({ ready }) => ready === true) === true
  const isWritten = status.pending === pending && status.dead === dead
  return { steady: isReady && isFresh && isWritten, pending, dead }
}

async function serveJob(deps: ReconcileDeps, job: LiveJob, previous: Previous): Promise<Previous> {
  const refused = limitFault(job, deps.cluster.jobs.list(job.metadata.namespace), isAccepted, {
    limits: deps.limits(job.metadata.namespace ?? ''),
    queueReplicas: deps.queueReplicas,
  })
  if (refused !== undefined) return await refuseJob(deps, job, previous, refused)
  await ensureFinalizer(deps, job)
  const without = await credentialsFault(deps.nats, jobRef(job).namespace)
  if (without === undefined) return await serveAdmitted(deps, job, previous)
  const report = { ...asBefore(job), granted: grantedTo(job, deps.queueReplicas), queue: without }
  return { ...(await tell(deps, job, previous, report)), upgraded: previous.upgraded === true }
}

async function serveAdmitted(deps: ReconcileDeps, job: LiveJob, previous: Previous): Promise<Previous> {
  const taken = eventsOfOtherJobs(job, deps.cluster.jobs.list(job.metadata.namespace), (event) =>
    ownerOf(deps, job, event),
  )
  const made = await answerOrFault(async () => {
    await ensureQueues(await deps.nats.open(jobRef(job).namespace), queuePlan(deps, job, taken))
  })
  const fault = 'fault' in made ? made.fault : undefined
  const current = new Set(job.spec.events.flatMap(({ name }) => (taken.has(name) ? [] : [name])))
  const isUpgraded = previous.upgraded === true
  const upgrade = isUpgraded || fault !== undefined ? UPGRADED : await upgradeJob(deps, job, current)
  // Until the outcomes are moved, the pods of version 0.1.0 go on: others would run events again that have ended.
  const served = upgrade.mayServe
    ? await serveAndRemove(deps, job, { taken, current, hasConsumers: fault === undefined, upgrade })
    : asBefore(job)
  const granted = grantedTo(job, deps.queueReplicas)
  const told = await tell(deps, job, previous, { ...served, granted, queue: fault ?? upgrade.fault })
  return { ...told, upgraded: isUpgraded || (fault === undefined && upgrade.finished) }
}

/** Counts what waits and writes the status. */
async function tell(
  deps: ReconcileDeps,
  job: LiveJob,
  previous: Previous,
  report: Omit<JobReport, 'backlog'>,
): Promise<Previous> {
  const counted = await count(deps, job, previous)
  const { backlog } = counted
  const isDue = performance.now() - (previous.countedAt ?? -Infinity) >= COUNTS_MS
  const before = previous.status ?? job.status
  const queue = report.queue ?? storageFault(deps, backlog) ?? openFault(deps.nats)
  const status = nextStatus(
    { ...job, ...(before === undefined ? {} : { status: before }) },
    { ...report, queue, backlog: isDue ? backlog : undefined },
    new Date(),
  )
  await writeStatus(deps, job, before, status)
  return {
    ...counted,
    ...(isDue && backlog !== undefined ? { countedAt: performance.now() } : lastCounted(previous)),
    status,
  }
}

/** What serving a Job's events depends on. */
interface Serving {
  readonly taken: ReadonlyMap<string, Fault>
  readonly current: ReadonlySet<string>
  readonly hasConsumers: boolean
  readonly upgrade: JobUpgrade
}

/** Serves the events of a Job, and removes what served others. */
async function serveAndRemove(
  deps: ReconcileDeps,
  job: LiveJob,
  { taken, current, hasConsumers, upgrade }: Serving,
): Promise<Pick<JobReport, 'events' | 'leaving'>> {
  const events = await serveEvents(deps, job, taken, hasConsumers)
  const removed = await answerOrFault(() => cleanUpRemovedEvents(deps, job, current, upgrade.waiting))
  return { events, leaving: 'answer' in removed ? removed.answer : [] }
}

/** The report of a Job whose objects are left as they are. */
function asBefore({ status }: LiveJob): Pick<JobReport, 'events' | 'leaving'> {
  const events = (status?.events ?? []).map((event) => ({
    ...event,
    ready: event.ready === true,
    faults: {},
  }))
  return { events, leaving: [] }
}

/** Counts what waits, unless that took long and was done lately; gives the last counts if NATS does not answer. */
async function count(
  { nats }: ReconcileDeps,
  job: LiveJob,
  { backlog, countedUntil = -Infinity }: Previous,
): Promise<Pick<Previous, 'backlog' | 'countedUntil' | 'isFresh'>> {
  const last = backlog === undefined ? {} : { backlog, countedUntil, isFresh: false }
  const start = performance.now()
  if (start < countedUntil) return last
  const counted = await answerOrFault(async () =>
    readBacklog(await nats.open(jobRef(job).namespace), jobRef(job)),
  )
  if (!('answer' in counted)) return last
  const now = performance.now()
  return counted.answer === undefined
    ? {}
    : { isFresh: true, backlog: counted.answer, countedUntil: now + (now - start) / COUNTING_SHARE }
}

/** The fault of a Job for whose events there is no room, on the servers or among its own. */
function storageFault({ lowStorage }: ReconcileDeps, backlog: Backlog | undefined): Fault | undefined {
  return lowStorageFault(lowStorage()) ?? (backlog && roomFault(backlog))
}

/** Reports a Job that is over a limit of its namespace. What an earlier version of it has made stays as it is. */
async function refuseJob(
  deps: ReconcileDeps,
  job: LiveJob,
  previous: Previous,
  fault: Fault,
): Promise<Previous> {
  const before = previous.status ?? job.status
  const events = job.spec.events.map(({ name }): EventReport => {
    const known = before?.events?.find((event) => event.name === name)
    return {
      name,
      url: known?.url,
      module: known?.module,
      ready: known?.ready === true,
      faults: { queue: fault },
    }
  })
  const shown = { ...job, ...(before === undefined ? {} : { status: before }) }
  const status = nextStatus(shown, { events, queue: fault, leaving: [], backlog: undefined }, new Date())
  await writeStatus(deps, job, before, status)
  return { ...previous, status }
}

/** Whether this version of a Job was found to be within the limits of its namespace. */
function isAccepted({ metadata, status }: Job): boolean {
  const queue = status?.conditions?.find(({ type }) => type === 'QueueReady')
  return (
    queue !== undefined &&
    queue.reason !== LIMIT_EXCEEDED &&
    status?.observedGeneration === metadata.generation
  )
}

function lastCounted({ countedAt }: Previous): Previous {
  return countedAt === undefined ? {} : { countedAt }
}

/** Serves the events; gives reports in the order of the spec. Schemas are resolved first: outputs need those of others. */
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
      const refused = refusedSecrets(event, deps.limits(namespace))
      return await serveEvent(deps, job, event, { schema, module, output, others, hasConsumers, refused })
    }),
  )
}

function servingSchema({ cluster }: ReconcileDeps, job: LiveJob, event: string): string | undefined {
  const service = cluster.services.get(childName(job, listenerName(event)))
  return service && isChildOf(service, job) ? service.metadata.annotations?.[ANNOTATIONS.schema] : undefined
}

function servingModule({ cluster }: ReconcileDeps, job: LiveJob, event: string): ServedModule | undefined {
  const deployment = cluster.deployments.get(childName(job, runnerName(event)))
  const annotations = deployment && isChildOf(deployment, job) ? deployment.metadata.annotations : undefined
  const running = annotations?.[ANNOTATIONS.module]
  if (running !== undefined) return { digest: running, emits: annotations?.[ANNOTATIONS.emits] === 'true' }
  const reported = job.status?.events?.find(({ name }) => name === event)?.module
  // The status does not say whether it emits. If it does not, the schemas for emitted data do no harm.
  return reported === undefined ? undefined : { digest: reported, emits: true }
}

function childName({ metadata: { namespace = '' } }: LiveJob, name: string): ObjectName {
  return { namespace, name }
}

/** The Job that controls the listener of an event or, if it also has the event in its spec, the runner. */
function ownerOf({ cluster }: ReconcileDeps, job: LiveJob, event: string): EventOwner | undefined {
  const jobs = cluster.jobs.list(job.metadata.namespace)
  const controllerJob = (child: KubeObject | undefined, mustHaveEvent: boolean) => {
    const uid = child && controllerOf(child)?.uid
    return jobs.find(
      ({ metadata, spec }) =>
        metadata.uid === uid && (!mustHaveEvent || spec.events.some(({ name }) => name === event)),
    )
  }
  const found =
    controllerJob(cluster.services.get(childName(job, listenerName(event))), false) ??
    controllerJob(cluster.deployments.get(childName(job, runnerName(event))), true)
  return found && { uid: found.metadata.uid ?? '', name: found.metadata.name }
}

function queuePlan(deps: ReconcileDeps, job: LiveJob, taken: ReadonlyMap<string, Fault>): QueuePlan {
  const { storage, maxBytes, duplicateWindowSeconds, replicas = deps.queueReplicas } = job.spec.queue
  return {
    ref: jobRef(job),
    queue: { storage, maxBytes: parseQuantity(maxBytes), duplicateWindowSeconds, replicas },
    events: job.spec.events.filter(({ name }) => !taken.has(name)).map(({ name }) => name),
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

/** Takes the next step of the deletion of a Job; after the last one, removes the finalizer. */
async function finalize(deps: ReconcileDeps, job: LiveJob): Promise<number | undefined> {
  const { finalizers = [], namespace = '', name, resourceVersion } = job.metadata
  if (!finalizers.includes(FINALIZER)) return undefined
  const step = await continueDeletion(deps, job, new Date())
  if ('requeueMs' in step) return step.requeueMs
  const note = dispositionMessage(step.queue)
  await deps.record({
    regarding: { ...job, apiVersion: job.apiVersion, kind: job.kind },
    type: step.queue.deleted ? 'Normal' : 'Warning',
    reason: step.queue.deleted ? 'QueueDeleted' : 'QueueKept',
    note,
    action: 'Delete',
  })
  deps.log.info({ namespace, job: name, queue: step.queue }, 'Removed the finalizer of a deleted Job')
  const metadata = { resourceVersion, finalizers: finalizers.filter((each) => each !== FINALIZER) }
  await deps.kube.patch(KINDS.job, { namespace, name }, { metadata }).catch(unlessGone)
  return undefined
}

/** Ignores a 404: the cache may be behind, and a Job that is gone has no finalizer. */
function unlessGone(thrown: unknown): void {
  if (!(thrown instanceof KubeError) || thrown.status !== 404) throw thrown
}
