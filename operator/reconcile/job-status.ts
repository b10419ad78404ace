import type { Job, JobCondition, JobEventStatus, JobGranted, JobStatus } from '../../crds/job.ts'
import { canonicalJson } from '../../knative/resources/hash.ts'
import type { Fault } from '../faults/fault.ts'

/** What a reconcile found about one event. */
export interface EventReport {
  readonly name: string
  readonly url?: string | undefined
  /** The digest of the module that serves the event. */
  readonly module?: string | undefined
  /** Whether the event is received and run, even if by an earlier version. */
  readonly ready: boolean
  readonly faults: Partial<Readonly<Record<Aspect, Fault | undefined>>>
}

/** Numbers of pending events and of dead letters. */
export interface Counts {
  readonly pending: number
  readonly dead: number
}

/** The counts of a Job, and of each of its events. */
export interface Backlog extends Counts {
  readonly events: ReadonlyMap<string, Counts>
}

/** What a reconcile found about a Job. */
export interface JobReport {
  readonly events: readonly EventReport[]
  readonly queue: Fault | undefined
  /** What this version of the Job was granted of its namespace's limits; undefined if it was refused. */
  readonly granted?: JobGranted
  /** Events that were removed from the Job's spec and still have a backlog. */
  readonly leaving: readonly string[]
  /** Undefined when NATS did not answer, or when counts are not due yet: the status keeps the last counts. */
  readonly backlog: Backlog | undefined
}

/** The parts of a Job that have a condition each, in the order in which their faults are best fixed. */
export type Aspect = 'schema' | 'module' | 'queue' | 'listener' | 'runner'

const CONDITIONS: readonly { readonly type: string; readonly aspect: Aspect; readonly whenTrue: string }[] = [
  { type: 'SchemasReady', aspect: 'schema', whenTrue: 'every schema is valid' },
  { type: 'ModulesReady', aspect: 'module', whenTrue: 'every module can be run' },
  { type: 'QueueReady', aspect: 'queue', whenTrue: 'the streams and consumers are there' },
  { type: 'ListenersReady', aspect: 'listener', whenTrue: 'every event is received' },
  { type: 'RunnersReady', aspect: 'runner', whenTrue: 'every event is run when it comes' },
]
const MAX_MESSAGE = 32_000
const ASPECTS = CONDITIONS.map(({ aspect }) => aspect)

type NewCondition = Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>

/** The status of a Job after a reconcile. A condition keeps its lastTransitionTime while its status stays the same. Pure. */
export function nextStatus(job: Job, report: JobReport, now: Date): JobStatus {
  const parts = CONDITIONS.map(({ type, aspect, whenTrue }) =>
    conditionFor(type, faultsOf(report, aspect), whenTrue),
  )
  const ready = rollUp(parts)
  const generation = job.metadata.generation ?? 0
  const isReady = report.events.filter((event) => event.ready).length
  const total = report.backlog ?? job.status
  const granted = report.granted ?? job.status?.granted
  return {
    observedGeneration: generation,
    conditions: [...parts, ready].map((condition) => withTransitionTime(condition, job, now)),
    eventsReady: `${isReady}/${report.events.length}`,
    ...(total?.pending === undefined ? {} : { pending: total.pending }),
    ...(total?.dead === undefined ? {} : { dead: total.dead }),
    ...(granted === undefined ? {} : { granted }),
    events: [...report.events.map(eventStatus), ...report.leaving.map(leavingStatus)].map((event) => ({
      ...event,
      ...countsOf(event.name, report.backlog, job.status),
    })),
  }
}

/** Whether two statuses are equal, whatever the order of their lists. */
export function sameStatus(a: JobStatus | undefined, b: JobStatus): boolean {
  return a !== undefined && canonicalJson(ordered(a)) === canonicalJson(ordered(b))
}

function ordered(status: JobStatus): object {
  const { conditions = [], events = [] } = status
  return {
    ...status,
    conditions: Object.fromEntries(conditions.map((condition) => [condition.type, condition])),
    events: Object.fromEntries(events.map((event) => [event.name, event])),
  }
}

/**
 * The conditions that are to be recorded as Kubernetes Events: one that became False, one that is True after it was False,
 * and Ready when it became True. Ready is not recorded as False, since the part that is False is recorded. Pure.
 */
export function transitions(before: JobStatus | undefined, after: JobStatus): readonly JobCondition[] {
  return (after.conditions ?? []).filter(({ type, status, reason }) => {
    const old = before?.conditions?.find((condition) => condition.type === type)
    if (old?.status === status && old.reason === reason) return false
    if (status === 'False') return type !== 'Ready'
    return status === 'True' && (type === 'Ready' || old?.status === 'False')
  })
}

function faultsOf({ events, queue }: JobReport, aspect: Aspect): Fault[] {
  if (aspect === 'queue') return queue === undefined ? [] : [queue]
  return events.flatMap(({ name, faults }) => {
    const fault = faults[aspect]
    return fault === undefined ? [] : [{ ...fault, message: `event ${name}: ${fault.message}` }]
  })
}

function conditionFor(type: string, faults: readonly Fault[], whenTrue: string): NewCondition {
  const worst = faults.find(({ status }) => status === 'False') ?? faults[0]
  if (worst === undefined) return { type, status: 'True', reason: type, message: whenTrue }
  const same = faults.filter(({ status }) => status === worst.status)
  const message = cut(same.map((fault) => fault.message).join('\n'))
  return { type, status: worst.status, reason: worst.reason, message }
}

function rollUp(parts: readonly NewCondition[]): NewCondition {
  const worst =
    parts.find(({ status }) => status === 'False') ?? parts.find(({ status }) => status === 'Unknown')
  if (worst === undefined)
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'every event is served' }
  return { ...worst, type: 'Ready' }
}

function withTransitionTime(condition: NewCondition, { status, metadata }: Job, now: Date): JobCondition {
  const before = status?.conditions?.find(({ type }) => type === condition.type)
  return {
    ...condition,
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime:
      before?.status === condition.status
        ? before.lastTransitionTime
        : now.toISOString().replace(/\.\d+Z$/, 'Z'),
  }
}

function eventStatus({ name, url, module, ready, faults }: EventReport): JobEventStatus {
  const worst = ASPECTS.map((aspect) => faults[aspect]).find((fault) => fault !== undefined)
  return {
    name,
    ...(url === undefined ? {} : { url }),
    ...(module === undefined ? {} : { module }),
    ready,
    reason: worst?.reason ?? 'Ready',
  }
}

function leavingStatus(name: string): JobEventStatus {
  return { name, ready: false, reason: 'Leaving' }
}

function countsOf(
  event: string,
  backlog: Backlog | undefined,
  before: JobStatus | undefined,
): Partial<Counts> {
  const counts = backlog?.events.get(event) ?? (backlog && { pending: 0, dead: 0 })
  const { pending, dead } = counts ?? before?.events?.find(({ name }) => name === event) ?? {}
  return { ...(pending === undefined ? {} : { pending }), ...(dead === undefined ? {} : { dead }) }
}

function cut(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)} …` : text
}
