import type { Job, JobCondition } from '../../../crds/job.ts'
import { ANNOTATIONS } from '../../../knative/resources/labels.ts'
import type { KnativeServiceObject } from '../../../knative/status/observed.ts'
import { readyOf } from '../status/job-view.ts'

/** What an event is to be served with; what is not known here is left out. */
export interface ExpectedEvent {
  readonly name: string
  /** `sha256-<hex>` of the module. */
  readonly module?: string
  /** `sha256-<hex>` of the schema's text. */
  readonly schema?: string
}

/** What is seen of a Job at one time. */
export interface Sight {
  readonly job: Job
  /** The listeners of its events, by event. */
  readonly listeners: ReadonlyMap<string, KnativeServiceObject>
}

/** How far a Job has come: it serves all that was deployed, something is wrong, or it is to be waited for. */
export interface Judgement {
  readonly kind: 'served' | 'wrong' | 'coming'
  readonly message: string
}

/**
 * Judges a Job by what was deployed. Ready alone does not do: a module or a schema that changed by itself leaves the Job's
 * generation as it was. Pure.
 */
export function judge({ job, listeners }: Sight, expected: readonly ExpectedEvent[]): Judgement {
  const ready = readyOf(job)
  const message = `${ready.reason}: ${ready.message}`
  if (ready.status === 'False') return { kind: 'wrong', message }
  if (ready.status === 'Unknown') return { kind: 'coming', message }
  const missing = expected.flatMap((event) => missingOf(event, job, listeners.get(event.name)))
  return missing.length === 0 ? { kind: 'served', message } : { kind: 'coming', message: missing.join('; ') }
}

function missingOf(
  { name, module, schema }: ExpectedEvent,
  { status }: Job,
  listener: KnativeServiceObject | undefined,
): string[] {
  const serving = status?.events?.find((event) => event.name === name)?.module
  return [
    ...(module === undefined || module === serving
      ? []
      : [`event ${name}: the new module does not serve yet`]),
    ...(schema === undefined || takes(listener, schema)
      ? []
      : [`event ${name}: the new schema does not serve yet`]),
  ]
}

function takes(listener: KnativeServiceObject | undefined, schema: string): boolean {
  const { metadata, status } = listener ?? {}
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return (
    metadata?.annotations?.[ANNOTATIONS.schema] === schema &&
    status?.observedGeneration === metadata.generation &&
    ready?.status === 'True'
  )
}

/**
 * The conditions that have changed, as lines; at first, without a sight before, those that do not hold. Ready is shown when it
 * holds, as what keeps it from that is another condition. Pure.
 */
export function changedConditions(before: Job | undefined, { status }: Job): readonly string[] {
  const known = new Set(before?.status?.conditions?.map(conditionLine))
  return (status?.conditions ?? [])
    .filter(({ type, status: holds }) => (holds === 'True' ? before !== undefined : type !== 'Ready'))
    .map(conditionLine)
    .filter((line) => !known.has(line))
}

function conditionLine({ type, status, reason, message }: JobCondition): string {
  return status === 'True' ? `${type}: True` : `${type}: ${status}, ${reason}: ${message}`
}
