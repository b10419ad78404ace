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
import { watchKind, type Change, type WatchedKind } from './watch.ts'

/** A Job as the API server gives it. */
export type LiveJob = Job & KubeObject

/** Whether an object is a child of this very Job. */
export function isChildOf(object: KubeObject, job: LiveJob): boolean {
  return controllerOf(object)?.uid === job.metadata.uid
}

/** The cluster as far as Jobs are concerned, as its API server last told it. */
export interface Cluster {
  readonly jobs: WatchedKind<LiveJob>
  /** Of all ConfigMaps only the metadata. */
  readonly configMaps: WatchedKind<KubeObject>
  readonly services: WatchedKind<KnativeServiceObject>
  readonly deployments: WatchedKind<DeploymentObject>
  readonly scaledObjects: WatchedKind<ScaledObjectObject>
  readonly pods: WatchedKind<PodObject>
}

/** Whom a change concerns. */
export interface ReconcileRequests {
  /** A Job, by `<namespace>/<name>`, is to be looked at. */
  readonly reconcile: (key: string) => void
  /** The same, soon: for what changes often at a time. */
  readonly reconcileSoon: (key: string) => void
  readonly onConfigMapGone: (configMap: KubeObject) => void
}

/** What a key of the queue is made of. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Follows everything that can concern a Job, and wakes the Jobs that a change concerns. */
export function watchCluster(
  { kube, log, signal }: { readonly kube: Kube; readonly log: Log; readonly signal: AbortSignal },
  { reconcile: wake, reconcileSoon: wakeSoon, onConfigMapGone }: ReconcileRequests,
): Cluster {
  const wakeAll = () => {
    for (const job of jobs.list()) wake(keyOfJob(job))
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
      // What was missing, such as KEDA, may be there now.
      onState: (state) => {
        if (state === 'synced' || state === 'missing') wakeAll()
      },
      log,
      signal,
    })
  const wakeOwner = (child: KubeObject, change: Change) => {
    for (const key of jobsAffectedByChild(child, change, jobs.list(child.metadata.namespace))) wake(key)
  }
  const jobs: WatchedKind<LiveJob> = follow(KINDS.job, undefined, (job: LiveJob) => {
    wake(keyOfJob(job))
    for (const rival of jobsSharingEvents(job, jobs.list(job.metadata.namespace))) wake(keyOfJob(rival))
  })
  return {
    jobs,
    configMaps: follow(KINDS.configMap, undefined, (configMap: KubeObject, change) => {
      if (change === 'removed') onConfigMapGone(configMap)
      for (const key of jobsAffectedByConfigMap(configMap, jobs.list(configMap.metadata.namespace))) wake(key)
    }),
    services: follow(KINDS.knativeService, OURS, wakeOwner),
    deployments: follow(KINDS.deployment, OURS, wakeOwner),
    scaledObjects: follow(KINDS.scaledObject, OURS, wakeOwner),
    pods: follow(KINDS.pod, OURS, (pod: PodObject) => {
      const job = pod.metadata.labels?.[LABELS.job]
      if (job !== undefined) wakeSoon(keyOf(pod.metadata.namespace ?? '', job))
    }),
  }
}

/** Resolves when every kind was listed, or found missing. */
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

/** The Jobs that a change of a child concerns: its own and, when it went, all that want the event. Pure. */
export function jobsAffectedByChild(child: KubeObject, change: Change, jobs: readonly LiveJob[]): string[] {
  const { namespace = '', labels = {} } = child.metadata
  const owner = labels[LABELS.job]
  const waiting = jobs.filter(
    ({ spec }) => change === 'removed' && spec.events.some(({ name }) => name === labels[LABELS.event]),
  )
  return [...(owner === undefined ? [] : [keyOf(namespace, owner)]), ...waiting.map(keyOfJob)]
}

/** The Jobs that a change of a ConfigMap concerns: those that name it and, where it holds modules, all. Pure. */
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
