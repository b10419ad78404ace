import { parseQuantity } from '../../crds/quantity.ts'
import { HEALTH } from '../../functions/process/health.ts'
import { dnsLabel } from '../../functions/queues/names.ts'
import { longestAttemptMs } from '../../functions/process/attempt-limit.ts'
import { podLimit } from '../../functions/process/runner-memory.ts'
import { childMetadata, eventRef } from './child.ts'
import type { KubeObject } from '../kube/object.ts'
import { ANNOTATIONS, LABELS, LAYOUT } from './labels.ts'
import { runnerName } from './names.ts'
import {
  commonEnv,
  credentialsFile,
  httpProbe,
  literal,
  literals,
  livenessProbe,
  METRICS_PORT,
  quantity,
  RESTRICTED,
  schemaFile,
  WITHOUT_CLUSTER,
  type EnvVar,
  type MountedFile,
  type PodSpec,
} from './pod.ts'
import type { OtherEvent, Platform, RunnerPlan } from './plan.ts'

/** A Deployment without `replicas`, which KEDA sets. */
export interface RunnerDeployment extends KubeObject {
  readonly apiVersion: 'apps/v1'
  readonly kind: 'Deployment'
  readonly spec: {
    readonly replicas?: never
    readonly revisionHistoryLimit: number
    readonly selector: { readonly matchLabels: Labels }
    readonly strategy: {
      readonly type: 'RollingUpdate'
      readonly rollingUpdate: { readonly maxUnavailable: number; readonly maxSurge: string }
    }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec }
  }
}

type Labels = Record<string, string>

const OUTPUT_FOLDER = '/etc/jobico/output'
const EMIT_FOLDER = '/etc/jobico/emit'
/** The grace period of a pod is this much longer than the process may take to stop. */
const STOP_MARGIN_S = 10

/** Memory of a runner process that has not run an event yet. */
const IDLE_BYTES = 96 * 2 ** 20

/**
 * The Deployment of an event's runner. It has no `replicas`, since KEDA owns that field; whoever creates the Deployment sets
 * 0, as the default is 1. A pod that stops finishes what it runs, and gives the other events back to the queue.
 */
export function runnerDeployment(plan: RunnerPlan, platform: Platform): RunnerDeployment {
  const { job, event, module } = plan
  const metadata = childMetadata(job, event, {
    component: 'runner',
    name: runnerName(event.name),
    annotations: {
      [ANNOTATIONS.module]: module.digest,
      ...(module.emits ? { [ANNOTATIONS.emits]: 'true' } : {}),
    },
  })
  const labels = { ...metadata.labels, [LABELS.podEvent]: event.name, [LABELS.layout]: LAYOUT }
  const matchLabels = selectorLabels(labels)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      revisionHistoryLimit: 1,
      selector: { matchLabels },
      // Old pods keep running until new ones are ready. At zero replicas there is nothing to roll out.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' } },
      template: { metadata: { labels }, spec: podSpec(plan, platform, matchLabels) },
    },
  }
}

/** The labels for the selector of the Deployment. It is immutable, so these must never change. */
function selectorLabels(labels: Labels): Labels {
  const names = [LABELS.component, LABELS.job, LABELS.event]
  return Object.fromEntries(names.map((name) => [name, labels[name] ?? '']))
}

function podSpec(plan: RunnerPlan, platform: Platform, matchLabels: Labels): PodSpec {
  const { event, output } = plan
  const schemas = schemasOf(plan)
  const credentials = credentialsFile('runner', platform)
  const files = [schemas.output, ...schemas.emits.values(), credentials].filter((file) => file !== undefined)
  const hasSink = output !== undefined && 'sink' in output
  return {
    ...WITHOUT_CLUSTER,
    terminationGracePeriodSeconds:
      Math.ceil(longestAttemptMs(event.timeoutSeconds * 1_000, hasSink) / 1_000) + STOP_MARGIN_S,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
      },
    ],
    containers: [
      {
        name: 'runner',
        image: platform.image,
        command: ['node', '/app/runner.js'],
        env: runnerEnv(plan, platform, schemas, credentials),
        ports: [{ name: 'metrics', containerPort: METRICS_PORT }],
        readinessProbe: httpProbe(HEALTH.ready, METRICS_PORT, { periodSeconds: 2, timeoutSeconds: 2 }),
        livenessProbe: livenessProbe(HEALTH.live, METRICS_PORT),
        resources: resourcesOf(plan),
        ...RESTRICTED,
        ...(files.length === 0 ? {} : { volumeMounts: files.map(({ mount }) => mount) }),
      },
    ],
    ...(files.length === 0 ? {} : { volumes: files.map(({ volume }) => volume) }),
  }
}

/** The schema files that a runner checks results and emitted data with. */
interface Schemas {
  readonly output: MountedFile | undefined
  /** By the name of the event; undefined for an event that has no schema yet. */
  readonly emits: ReadonlyMap<string, MountedFile | undefined>
}

function schemasOf({ module, output, others }: RunnerPlan): Schemas {
  const emitFile = ({ event, schema }: OtherEvent) =>
    schema && schemaFile(schema.configMap, `${EMIT_FOLDER}/${event}`, `emit-${dnsLabel(event)}`)
  const emits = (module.emits ? others : []).map((other) => [other.event, emitFile(other)] as const)
  const hasSchema = output !== undefined && 'schema' in output
  return {
    output: hasSchema ? schemaFile(output.schema.configMap, OUTPUT_FOLDER) : undefined,
    emits: new Map(emits),
  }
}

/** Requests are small, so that many idle runners fit on a node; limits allow what a busy runner needs. */
function resourcesOf({ event: { memory, runner } }: RunnerPlan) {
  const instance = parseQuantity(memory)
  const most = podLimit({ memoryBytes: instance, concurrency: runner.concurrency })
  return {
    requests: { cpu: '50m', memory: quantity(IDLE_BYTES + instance) },
    limits: { memory: quantity(most) },
  }
}

function runnerEnv(
  plan: RunnerPlan,
  platform: Platform,
  schemas: Schemas,
  credentials: MountedFile | undefined,
): EnvVar[] {
  const { job, event } = plan
  const { retry, runner } = event
  const output = outputSetting(plan, schemas)
  const emits = Object.fromEntries([...schemas.emits].map(([name, file]) => [name, file?.path ?? null]))
  return [
    ...commonEnv(eventRef(job, event), platform, credentials),
    ...literals({
      JOBICO_MODULE: plan.module.digest,
      JOBICO_TIMEOUT_MS: String(event.timeoutSeconds * 1_000),
      JOBICO_MEMORY_BYTES: String(parseQuantity(event.memory)),
      JOBICO_CONCURRENCY: String(runner.concurrency),
      JOBICO_MAX_ATTEMPTS: String(retry.maxAttempts),
      JOBICO_MIN_DELAY_MS: String(retry.minDelaySeconds * 1_000),
      JOBICO_MAX_DELAY_MS: String(retry.maxDelaySeconds * 1_000),
      JOBICO_DONE_RETENTION_S: String(job.spec.queue.doneRetentionSeconds),
      JOBICO_DEAD_RETENTION_S: String(job.spec.queue.deadRetentionSeconds),
      ...(output === undefined ? {} : { JOBICO_OUTPUT: JSON.stringify(output) }),
      ...(schemas.emits.size === 0 ? {} : { JOBICO_EMIT: JSON.stringify(emits) }),
    }),
    ...event.env.map(guestVariable),
  ]
}

function outputSetting({ output }: RunnerPlan, schemas: Schemas) {
  if (output === undefined || 'sink' in output) return output
  return { event: output.event, schema: schemas.output?.path }
}

function guestVariable({ name, value, valueFrom }: RunnerPlan['event']['env'][number]): EnvVar {
  const guest = `JOBICO_GUEST_${name}`
  return valueFrom === undefined ? literal(guest, value ?? '') : { name: guest, valueFrom }
}
