import type { Job, JobCondition, JobEventStatus, JobStatus } from '../../crds/job.ts'
import { canonicalJson } from '../../knative/resources/hash.ts'
import type { Fault } from '../faults/fault.ts'

/** What a reconcile found out about one event. */
export interface EventReport {
  readonly name: string
  readonly url?: string | undefined
  /** The digest of the module that serves. */
  readonly module?: string | undefined
  /** Whether it is received and run, be it by an earlier version. */
  readonly ready: boolean
  readonly faults: Partial<Readonly<Record<Aspect, Fault | undefined>>>
}

/** Events that wait and dead letters. */
export interface Counts {
  readonly pending: number
  readonly dead: number
}

/** The counts of a Job, and of each of its events. */
export interface Backlog extends Counts {
  readonly events: ReadonlyMap<string, Counts>
}

/** What a reconcile found out about a Job. */
export interface JobReport {
  readonly events: readonly EventReport[]
  readonly queue: Fault | undefined
  /** Events that were taken from the Job and have a backlog. */
  readonly leaving: readonly string[]
  /** Absent where NATS could not say, or where it is too early to tell again: the last figures stand. */
  readonly backlog: Backlog | undefined
}

/** What the conditions of a Job are about, in the order in which they are mended best. */
export type Aspect = 'schema' | 'module' | 'queue' | 'listener' | 'runner'

const CONDITIONS: readonly { readonly type: string; readonly aspect: Aspect; readonly well: string }[] = [
  { type: 'SchemasReady', aspect: 'schema', well: 'every schema is valid' },
  { type: 'ModulesReady', aspect: 'module', well: 'every module can be run' },
  { type: 'QueueReady', aspect: 'queue', well: 'the streams and consumers are there' },
  { type: 'ListenersReady', aspect: 'listener', well: 'every event is received' },
  { type: 'RunnersReady', aspect: 'runner', well: 'every event is run when it comes' },
]
const MAX_MESSAGE = 32_000
const ASPECTS = CONDITIONS.map(({ aspect }) => aspect)

type Judgement = Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>

/** The status of a Job after a reconcile. Times of transition stay where a condition's status stays. Pure. */
export function nextStatus(job: Job, report: JobReport, now: Date): JobStatus {
  const judged = CONDITIONS.map(({ type, aspect, well }) => judge(type, faultsOf(report, aspect), well))
  const ready = rollUp(judged)
  const generation = job.metadata.generation ?? 0
  const isReady = report.events.filter((event) => event.ready).length
  const total = report.backlog ?? job.status
  return {
    observedGeneration: generation,
    conditions: [...judged, ready].map((condition) => dated(condition, job, now)),
    eventsReady: `${isReady}/${report.events.length}`,
    ...(total?.pending === undefined ? {} : { pending: total.pending }),
    ...(total?.dead === undefined ? {} : { dead: total.dead }),
    events: [...report.events.map(eventStatus), ...report.leaving.map(leavingStatus)].map((event) => ({
      ...event,
      ...countsOf(event.name, report.backlog, job.status),
    })),
  }
}

/** Whether two statuses say the same, in whatever order their lists are. */
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
 * What people are told as Kubernetes Events: what has become wrong, or is right again after that, and that the Job is ready.
 * The sum of all conditions is told only when it is good, since what is wrong is told by the part. Pure.
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

function judge(type: string, faults: readonly Fault[], well: string): Judgement {
  const worst = faults.find(({ status }) => status === 'False') ?? faults[0]
  if (worst === undefined) return { type, status: 'True', reason: type, message: well }
  const same = faults.filter(({ status }) => status === worst.status)
  const message = cut(same.map((fault) => fault.message).join('\n'))
  return { type, status: worst.status, reason: worst.reason, message }
}

function rollUp(judged: readonly Judgement[]): Judgement {
  const worst =
    judged.find(({ status }) => status === 'False') ?? judged.find(({ status }) => status === 'Unknown')
  if (worst === undefined)
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'every event is served' }
  return { ...worst, type: 'Ready' }
}

function dated(condition: Judgement, { status, metadata }: Job, now: Date): JobCondition {
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
