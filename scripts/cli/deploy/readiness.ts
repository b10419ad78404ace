import type { Job, JobCondition } from '../../../crds/job.ts'
import { ANNOTATIONS } from '../../../knative/resources/labels.ts'
import type { KnativeServiceObject } from '../../../knative/status/observed.ts'
import { readyOf } from '../status/job-view.ts'

/** What an event has to serve with; a digest that is not known here is left out. */
export interface ExpectedEvent {
  readonly name: string
  /** `sha256-<hex>` of the module. */
  readonly module?: string
  /** `sha256-<hex>` of the schema's text. */
  readonly schema?: string
}

/** A Job and its listeners, as the API server showed them at one time. */
export interface Observation {
  readonly job: Job
  /** The listeners, by event. */
  readonly listeners: ReadonlyMap<string, KnativeServiceObject>
}

/** The state of a deployment: the Job serves all that was deployed, has a fault, or is still on its way. */
export interface Judgement {
  readonly kind: 'served' | 'wrong' | 'coming'
  readonly message: string
}

/**
 * Compares a Job with what was deployed. The condition Ready is not enough: a change of only a module or a schema leaves the
 * Job's generation as it was, so Ready may be of the old version. Pure.
 */
export function judge({ job, listeners }: Observation, expected: readonly ExpectedEvent[]): Judgement {
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
    ...(schema === undefined || serves(listener, schema)
      ? []
      : [`event ${name}: the new schema does not serve yet`]),
  ]
}

function serves(listener: KnativeServiceObject | undefined, schema: string): boolean {
  const { metadata, status } = listener ?? {}
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return (
    metadata?.annotations?.[ANNOTATIONS.schema] === schema &&
    status?.observedGeneration === metadata.generation &&
    ready?.status === 'True'
  )
}

/**
 * The conditions that changed since `before`, as lines; without `before`, those that do not hold. Ready is shown only when it
 * holds, because another condition says why it does not. Pure.
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
