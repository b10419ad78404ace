import type { JobEvent } from '../../crds/job.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'
import {
  deploymentState,
  latestPods,
  podFault,
  scaledObjectState,
  serviceState,
  type State,
} from '../../knative/status/readiness.ts'
import { runnerDeployment, type RunnerDeployment } from '../../knative/resources/deployment.ts'
import { withHash } from '../../knative/resources/hash.ts'
import { ANNOTATIONS, LABELS, MANAGER, type Component } from '../../knative/resources/labels.ts'
import { listenerName } from '../../knative/resources/names.ts'
import type { DeploymentObject, PodObject, ScaledObjectObject } from '../../knative/status/observed.ts'
import type { OtherEvent, Platform, SchemaCopy, ServedModule } from '../../knative/resources/plan.ts'
import { runnerScaledObject, type ScaledObject } from '../../knative/resources/scaled-object.ts'
import { listenerService } from '../../knative/resources/service.ts'
import { applyChild, type Applied } from '../objects/apply-child.ts'
import { unsure, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import type { OutputResolution } from '../resolve/outputs.ts'
import type { RefusedParts } from '../resolve/reach.ts'
import type { EventReport } from './job-status.ts'
import type { LiveJob, Cluster } from '../watch/cluster-state.ts'

/** What the children of an event are made from. */
export interface ServingParts {
  readonly schema: Resolved<SchemaCopy>
  readonly module: Resolved<ServedModule>
  readonly output: OutputResolution
  /** The other events of the Job. */
  readonly others: readonly OtherEvent[]
  /** Whether the consumers exist; without them KEDA can't scale the runner. */
  readonly hasConsumers: boolean
  /** What the event may not have, by the settings of the installation. */
  readonly refused: RefusedParts
}

/** What is needed to serve an event. */
export interface ServeDeps {
  readonly kube: Kube
  readonly cluster: Cluster
  readonly platform: Platform
}

const KNATIVE_MISSING = wrong(
  'KnativeMissing',
  'Knative Serving is not installed in this cluster; install it (https://knative.dev/docs/install), and the Job goes on by itself',
)
const KEDA_MISSING = wrong(
  'KedaMissing',
  'KEDA is not installed in this cluster; install it (https://keda.sh/docs/latest/deploy), and the Job goes on by itself',
)
/** The field manager that sets the replicas of a runner once; after that KEDA owns them. */
const SEED_MANAGER = `${MANAGER}-seed`

/** Applies the listener and the runner of an event, and reports their state. Throws KubeError. */
export async function serveEvent(
  deps: ServeDeps,
  job: LiveJob,
  event: JobEvent,
  parts: ServingParts,
): Promise<EventReport> {
  const { schema, module, refused } = parts
  const [listener, runner] = await Promise.all([
    refused.listener === undefined
      ? serveListener(deps, job, event, schema.serves)
      : { url: earlierUrl(deps, job, event), fault: refused.listener },
    refused.runner ?? serveRunner(deps, job, event, parts),
  ])
  return {
    name: event.name,
    url: listener.url,
    module: module.serves?.digest,
    ready: listener.fault === undefined && runner === undefined,
    faults: { schema: schema.fault, module: module.fault, listener: listener.fault, runner },
  }
}

/** The address of a listener that was made before. */
function earlierUrl({ cluster }: ServeDeps, { metadata }: LiveJob, { name }: JobEvent): string | undefined {
  const place = { namespace: metadata.namespace ?? '', name: listenerName(name) }
  return cluster.services.get(place)?.status?.url
}

interface ListenerReport {
  readonly url: string | undefined
  readonly fault: Fault | undefined
}

async function serveListener(
  { kube, cluster, platform }: ServeDeps,
  job: LiveJob,
  event: JobEvent,
  schema: SchemaCopy | undefined,
): Promise<ListenerReport> {
  if (cluster.services.state() === 'missing') return { url: undefined, fault: KNATIVE_MISSING }
  if (schema === undefined)
    return { url: undefined, fault: unsure('SchemaNeeded', 'it is created once the schema is valid') }
  const name = { namespace: job.metadata.namespace ?? '', name: listenerName(event.name) }
  const applied = await applyChild(kube, job, {
    kind: KINDS.knativeService,
    desired: withHash(listenerService({ job, event, schema }, platform)),
    cached: cluster.services.get(name),
    creationFault: () => leftoverRevision(kube, name),
  })
  if ('fault' in applied) return { url: undefined, fault: applied.fault }
  const { live } = applied
  const fault =
    faultOf(podFault(latestPods(live, podsOf(cluster, job, event, 'listener')), new Date())) ??
    faultOf(serviceState(live))
  return { url: live.status?.url, fault }
}

/**
 * Waits for the Revision of an earlier Knative Service of this name to be gone: a Service that is created before takes
 * minutes to get ready, as Knative backs off.
 */
async function leftoverRevision(kube: Kube, { namespace, name }: ObjectName): Promise<Fault | undefined> {
  const first = `${name}-00001`
  const revision = await kube.get(KINDS.revision, { namespace, name: first })
  return (
    revision &&
    unsure('Replacing', `it is created once the Revision ${first} of the earlier listener is gone`)
  )
}

async function serveRunner(
  deps: ServeDeps,
  job: LiveJob,
  event: JobEvent,
  { module, output, others, hasConsumers }: ServingParts,
): Promise<Fault | undefined> {
  if (module.serves === undefined) return unsure('ModuleNeeded', 'it is created once the module is valid')
  if ('fault' in output) return output.fault
  const plan = { job, event, module: module.serves, output: output.output, others }
  const deployment = await applyDeployment(deps, job, withHash(runnerDeployment(plan, deps.platform)))
  if ('fault' in deployment) return deployment.fault
  if (deps.cluster.scaledObjects.state() === 'missing') return KEDA_MISSING
  if (!hasConsumers) return unsure('QueueNeeded', 'it is scaled once its queue is there')
  const scaling = await applyScaledObject(deps, job, withHash(runnerScaledObject(plan, deps.platform)))
  if ('fault' in scaling) return scaling.fault
  return (
    faultOf(podFault(podsOf(deps.cluster, job, event, 'runner'), new Date())) ??
    faultOf(deploymentState(deployment.live)) ??
    faultOf(scaledObjectState(scaling.live))
  )
}

async function applyScaledObject(
  { kube, cluster }: ServeDeps,
  job: LiveJob,
  desired: ScaledObject,
): Promise<Applied<ScaledObjectObject>> {
  const { namespace = '', name } = desired.metadata
  const cached = cluster.scaledObjects.get({ namespace, name })
  return await applyChild(kube, job, { kind: KINDS.scaledObject, desired, cached })
}

/** Applies the Deployment of a runner. It is created with 0 replicas; from then on KEDA owns their number. */
async function applyDeployment(
  { kube, cluster }: ServeDeps,
  job: LiveJob,
  desired: RunnerDeployment,
): Promise<Applied<DeploymentObject>> {
  const { namespace = '', name } = desired.metadata
  const applied = await applyChild(kube, job, {
    kind: KINDS.deployment,
    desired,
    // Created without a number of replicas, it would start one pod.
    creation: withReplicas(desired, 0),
    cached: cluster.deployments.get({ namespace, name }),
  })
  if ('fault' in applied || applied.live.metadata.annotations?.[ANNOTATIONS.replicas] !== undefined)
    return applied
  const { apiVersion, kind } = desired
  const metadata = { namespace, name, annotations: { [ANNOTATIONS.replicas]: 'keda' } }
  const seed = withReplicas({ apiVersion, kind, metadata }, applied.live.spec?.replicas ?? 0)
  return { live: await kube.apply(KINDS.deployment, seed, { manager: SEED_MANAGER, force: true }) }
}

function withReplicas(object: KubeObject & { readonly spec?: object }, replicas: number): KubeObject {
  const spec = { ...object.spec, replicas }
  return Object.assign({}, object, { spec })
}

function podsOf(
  { pods }: Cluster,
  job: LiveJob,
  event: JobEvent,
  component: Component,
): readonly PodObject[] {
  return pods
    .list(job.metadata.namespace)
    .filter(
      ({ metadata: { labels = {} } }) =>
        labels[LABELS.job] === job.metadata.name &&
        labels[LABELS.event] === event.name &&
        labels[LABELS.component] === component,
    )
}

function faultOf(state: State | undefined): Fault | undefined {
  if (state === undefined || state.status === 'True') return undefined
  const { status, reason, message } = state
  return { status, reason, message }
}
