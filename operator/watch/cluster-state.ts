import type { Job } from '../../crds/job.ts'
import type { Log } from '../../functions/process/log.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import { controllerOf, type KubeObject } from '../../knative/kube/object.ts'
import type {
  DeploymentObject,
  KnativeServiceObject,
  PodObject,
  ScaledObjectObject,
} from '../../knative/status/observed.ts'
import { LABELS, OURS } from '../../knative/resources/labels.ts'
import type { NatsChange } from './nats-changes.ts'
import { watchKind, type Change, type WatchedKind } from './watch.ts'

/** A Job as the API server returns it. */
export type LiveJob = Job & KubeObject

/** Whether an object is controlled by this Job: its owner reference has the Job's uid. */
export function isChildOf(object: KubeObject, job: LiveJob): boolean {
  return controllerOf(object)?.uid === job.metadata.uid
}

/** Caches of every kind that a reconcile reads, kept up to date by watches. */
export interface Cluster {
  readonly jobs: WatchedKind<LiveJob>
  /** All ConfigMaps, but only their metadata. */
  readonly configMaps: WatchedKind<KubeObject>
  readonly services: WatchedKind<KnativeServiceObject>
  readonly deployments: WatchedKind<DeploymentObject>
  readonly scaledObjects: WatchedKind<ScaledObjectObject>
  readonly pods: WatchedKind<PodObject>
}

/** What a change calls. */
export interface ReconcileRequests {
  /** Requests a reconcile of the Job `<namespace>/<name>`. */
  readonly reconcile: (key: string) => void
  /** Requests one a little later, for objects that change many times in a row. */
  readonly reconcileSoon: (key: string) => void
  readonly onConfigMapGone: (configMap: KubeObject) => void
}

/** The key of a Job in the work queue. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Watches every kind that Jobs depend on, and requests a reconcile of the Jobs that a change affects. */
export function watchCluster(
  { kube, log, signal }: { readonly kube: Kube; readonly log: Log; readonly signal: AbortSignal },
  { reconcile, reconcileSoon, onConfigMapGone }: ReconcileRequests,
): Cluster {
  const reconcileAll = () => {
    for (const job of jobs.list()) reconcile(keyOfJob(job))
  }
  const follow = <T extends KubeObject>(
    kind: Kind,
    labels: string | undefined,
    onChange: (object: T, change: Change) => void,
  ) =>
    watchKind<T>({
      kube,
      kind,
      selection: {
        ...(labels === undefined ? {} : { labels }),
        metadataOnly: kind === KINDS.configMap,
      },
      onChange,
      // A kind that was missing, such as one of KEDA, may be installed now.
      onState: (state) => {
        if (state === 'synced' || state === 'missing') reconcileAll()
      },
      log,
      signal,
    })
  const reconcileOwner = (child: KubeObject, change: Change) => {
    for (const key of jobsAffectedByChild(child, change, jobs.list(child.metadata.namespace))) reconcile(key)
  }
  const jobs: WatchedKind<LiveJob> = follow(KINDS.job, undefined, (job: LiveJob) => {
    reconcile(keyOfJob(job))
    for (const other of jobsSharingEvents(job, jobs.list(job.metadata.namespace))) reconcile(keyOfJob(other))
  })
  return {
    jobs,
    configMaps: follow(KINDS.configMap, undefined, (configMap: KubeObject, change) => {
      if (change === 'removed') onConfigMapGone(configMap)
      for (const key of jobsAffectedByConfigMap(configMap, jobs.list(configMap.metadata.namespace)))
        reconcile(key)
    }),
    services: follow(KINDS.knativeService, OURS, reconcileOwner),
    deployments: follow(KINDS.deployment, OURS, reconcileOwner),
    scaledObjects: follow(KINDS.scaledObject, OURS, reconcileOwner),
    pods: follow(KINDS.pod, OURS, (pod: PodObject) => {
      const job = pod.metadata.labels?.[LABELS.job]
      if (job !== undefined) reconcileSoon(keyOf(pod.metadata.namespace ?? '', job))
    }),
  }
}

/** Resolves when every kind was listed, or was found not to be installed. */
export async function whenSynced(cluster: Cluster): Promise<void> {
  const kinds: readonly { readonly whenSynced: Promise<void> }[] = Object.values(cluster)
  await Promise.all(kinds.map((kind) => kind.whenSynced))
}

function keyOfJob({ metadata: { namespace = '', name } }: LiveJob): string {
  return keyOf(namespace, name)
}

/** The other Jobs that have an event of the same name. */
function jobsSharingEvents(job: LiveJob, jobs: readonly LiveJob[]): readonly LiveJob[] {
  const names = new Set(job.spec.events.map(({ name }) => name))
  return jobs.filter(
    (other) =>
      other.metadata.uid !== job.metadata.uid && other.spec.events.some(({ name }) => names.has(name)),
  )
}

/** The keys of the Jobs that a change in NATS affects. Pure. */
export function jobsAffectedByNats(change: NatsChange, jobs: readonly LiveJob[]): string[] {
  const concerns = ({ metadata, spec }: LiveJob) => {
    if (change.kind === 'module') return metadata.namespace === change.namespace
    if (metadata.namespace !== change.job.namespace || metadata.name !== change.job.job) return false
    // Those who read a stream have consumers of their own, which come and go.
    return change.kind === 'stream' || spec.events.some(({ name }) => name === change.event)
  }
  return jobs.filter(concerns).map(keyOfJob)
}

/** The keys of the Jobs that a change of a child affects: its owner; if it was removed, all Jobs with the event. Pure. */
export function jobsAffectedByChild(child: KubeObject, change: Change, jobs: readonly LiveJob[]): string[] {
  const { namespace = '', labels = {} } = child.metadata
  const owner = labels[LABELS.job]
  const waiting = jobs.filter(
    ({ spec }) => change === 'removed' && spec.events.some(({ name }) => name === labels[LABELS.event]),
  )
  return [...(owner === undefined ? [] : [keyOf(namespace, owner)]), ...waiting.map(keyOfJob)]
}

/** The keys of the Jobs that a change of a ConfigMap affects: those that refer to it, all if it holds modules. Pure. */
export function jobsAffectedByConfigMap(configMap: KubeObject, jobs: readonly LiveJob[]): string[] {
  const { name, labels = {} } = configMap.metadata
  const holdsModules = labels[LABELS.modules] === 'true'
  return jobs
    .filter(
      (job) =>
        holdsModules ||
        labels[LABELS.job] === job.metadata.name ||
        job.spec.events.some(({ schema }) => (schema.name ?? schema.key) === name),
    )
    .map(keyOfJob)
}
