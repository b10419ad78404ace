import type { Job, JobCondition, JobEventStatus } from '../../../crds/job.ts'
import { printable } from '../../dev/output/printable.ts'
import { ageOf, tableLines } from '../terminal/table.ts'

/** A Job as `jobico status` shows it. */
export interface JobView {
  readonly namespace: string
  readonly job: string
  readonly ready: JobCondition['status']
  /** The reason of the condition Ready. */
  readonly reason: string
  /** Such as 1/2: one of two events is ready. */
  readonly eventsReady: string
  readonly pending: number
  readonly dead: number
  /** Creation time, RFC 3339; under `jobico dev` that of the Job's queue, which is kept in the folder. */
  readonly created?: string
  /** All but Ready, which sums them up; a Job that no operator has reconciled has Ready with the reason NotSeen. */
  readonly conditions: readonly Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>[]
  readonly events: readonly JobEventStatus[]
}

/** `sha256-` and 12 digits. */
const SHORT_DIGEST = 19

const NOT_SEEN = {
  type: 'Ready',
  status: 'Unknown',
  reason: 'NotSeen',
  message:
    'no operator has looked at this version of the Job yet; see whether it runs: kubectl get pods -n jobico-system',
} as const

/** The condition Ready of a Job's current generation; Unknown until the operator has reconciled it. Pure. */
export function readyOf({
  metadata,
  status,
}: Job): Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'> {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const isCurrent = status?.observedGeneration === metadata.generation
  return isCurrent && ready !== undefined ? ready : NOT_SEEN
}

/** The view of a Job of a cluster. Pure. */
export function viewOf(job: Job): JobView {
  const { metadata, spec, status = {} } = job
  const ready = readyOf(job)
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== 'Ready')
  return {
    namespace: metadata.namespace ?? '',
    job: metadata.name,
    ready: ready.status,
    reason: ready.reason,
    eventsReady: status.eventsReady ?? `0/${spec.events.length}`,
    pending: status.pending ?? 0,
    dead: status.dead ?? 0,
    ...(metadata.creationTimestamp === undefined ? {} : { created: metadata.creationTimestamp }),
    conditions: ready === NOT_SEEN ? [NOT_SEEN, ...conditions] : conditions,
    events: status.events ?? spec.events.map(({ name }) => ({ name, ready: false, reason: NOT_SEEN.reason })),
  }
}

const HEAD = ['NAME', 'READY', 'EVENTS', 'PENDING', 'DEAD', 'AGE']

/** Jobs as a table; below each Job follow its conditions that do not hold. Pure. */
export function jobTable(views: readonly JobView[], now: number, withNamespace: boolean): string[] {
  const head = withNamespace ? ['NAMESPACE', ...HEAD] : HEAD
  const rows = views.map((view) =>
    withNamespace ? [view.namespace, ...jobRow(view, now)] : jobRow(view, now),
  )
  const [first = '', ...lines] = tableLines([head, ...rows])
  return [first, ...lines.flatMap((line, index) => [line, ...failedConditions(views[index])])]
}

function jobRow({ job, ready, eventsReady, pending, dead, created }: JobView, now: number): string[] {
  return [job, ready, eventsReady, String(pending), String(dead), ageOf(created, now)]
}

function failedConditions(view: JobView | undefined): string[] {
  const bad = (view?.conditions ?? []).filter(({ status }) => status !== 'True')
  return bad.flatMap(({ type, status, reason, message }) => [
    `  ${type} is ${status}: ${reason}`,
    ...message.split('\n').map((line) => `    ${printable(line)}`),
  ])
}

/** One Job with all its conditions and events. Pure. */
export function jobDetails(view: JobView, now: number): string[] {
  const conditions = view.conditions.map(({ type, status, reason, message }) => [
    ...[type, status, reason],
    printable(message.replaceAll('\n', '; ')),
  ])
  return [
    ...tableLines([HEAD, jobRow(view, now)]),
    ...section(['CONDITION', 'STATUS', 'REASON', 'MESSAGE'], conditions),
    ...section(['EVENT', 'READY', 'REASON', 'PENDING', 'DEAD', 'MODULE', 'URL'], view.events.map(eventRow)),
  ]
}

function section(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', ...tableLines([head, ...rows])]
}

function eventRow({
  name,
  ready,
  reason = '',
  pending = 0,
  dead = 0,
  module = '',
  url = '',
}: JobEventStatus) {
  const shortModule = module.slice(0, SHORT_DIGEST)
  return [name, ready === true ? 'True' : 'False', reason, String(pending), String(dead), shortModule, url]
}
