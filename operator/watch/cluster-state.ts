import type { Job } from '../../crds/job.ts'
import type { Log } from '../../functions/process/log.ts'
import type { Kube, Selection } from '../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import { controllerOf, type KubeObject, type ObjectMeta } from '../../knative/kube/object.ts'
import type {
  DeploymentObject,
  KnativeServiceObject,
  PodObject,
  ScaledObjectObject,
} from '../../knative/status/observed.ts'
import { ANNOTATIONS, LABELS, MANAGER, OURS } from '../../knative/resources/labels.ts'
import type { NatsChange } from './nats-changes.ts'
import { watchNamespaces, type Change, type WatchedKind, type WatchOptions } from './watch.ts'

/** A Job as the API server returns it. */
export type LiveJob = Job & KubeObject

/** Whether an object is controlled by this Job: its owner reference has the Job's uid. */
export function isChildOf(object: KubeObject, job: LiveJob): boolean {
  return controllerOf(object)?.uid === job.metadata.uid
}

/** Caches of every kind that a reconcile reads, kept up to date by watches. */
export interface Cluster {
  readonly jobs: WatchedKind<LiveJob>
  /** Metadata of the ConfigMaps that are needed: copies, those that hold modules, and those that a Job names, if seen lately. */
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

/** Where to watch. */
export interface Surroundings {
  readonly kube: Kube
  /** The namespaces to watch; undefined for all. */
  readonly namespaces: readonly string[] | undefined
  readonly log: Log
  /** Ends all watches. */
  readonly signal: AbortSignal
}

/** Watches every kind that Jobs depend on, and requests a reconcile of the Jobs that a change affects. */
export function watchCluster(
  { kube, namespaces, log, signal }: Surroundings,
  { reconcile, reconcileSoon, onConfigMapGone }: ReconcileRequests,
): Cluster {
  const reconcileAll = () => {
    for (const job of jobs.list()) reconcile(keyOfJob(job))
  }
  const follow = <T extends KubeObject>(
    kind: Kind,
    selection: Selection,
    onChange: (object: T, change: Change) => void,
    more: Pick<WatchOptions<T>, 'keep' | 'after'> = {},
  ) =>
    watchNamespaces<T>(
      {
        ...more,
        kube,
        kind,
        selection,
        onChange,
        // A kind that was missing, such as one of KEDA, may be installed now.
        onState: (state) => {
          if (state === 'synced' || state === 'missing') reconcileAll()
        },
        log,
        signal,
      },
      namespaces,
    )
  const reconcileOwner = (child: KubeObject, change: Change) => {
    for (const key of jobsAffectedByChild(child, change, jobs.list(child.metadata.namespace))) reconcile(key)
  }
  const jobs: WatchedKind<LiveJob> = follow(KINDS.job, {}, (job: LiveJob) => {
    reconcile(keyOfJob(job))
    for (const other of jobsSharingEvents(job, jobs.list(job.metadata.namespace))) reconcile(keyOfJob(other))
  })
  return {
    jobs,
    configMaps: follow(
      KINDS.configMap,
      { metadataOnly: true },
      (configMap: KubeObject, change) => {
        if (change === 'removed') onConfigMapGone(configMap)
        for (const key of jobsAffectedByConfigMap(configMap, jobs.list(configMap.metadata.namespace)))
          reconcile(key)
      },
      {
        keep: (configMap) => neededOf(configMap, jobs.list(configMap.metadata.namespace)),
        after: jobs.whenSynced,
      },
    ),
    services: follow(KINDS.knativeService, { labels: OURS }, reconcileOwner),
    deployments: follow(KINDS.deployment, { labels: OURS }, reconcileOwner),
    scaledObjects: follow(KINDS.scaledObject, { labels: OURS }, reconcileOwner),
    pods: follow(KINDS.pod, { labels: OURS }, (pod: PodObject) => {
      const job = pod.metadata.labels?.[LABELS.job]
      if (job !== undefined) reconcileSoon(keyOf(pod.metadata.namespace ?? '', job))
    }),
  }
}

const READ_NAMES: ReadonlySet<string> = new Set([...Object.values(LABELS), ...Object.values(ANNOTATIONS)])
/** What the operator writes is shorter. */
const MOST_CHARS = 256

/** What is kept of a ConfigMap: the metadata that is read here. Undefined if none of the Jobs needs it. Pure. */
export function neededOf({ metadata }: KubeObject, jobs: readonly LiveJob[]): KubeObject | undefined {
  const { name, labels = {}, annotations = {}, ownerReferences = [] } = metadata
  const isLabelled = labels[LABELS.managedBy] === MANAGER || labels[LABELS.modules] === 'true'
  if (!isLabelled && !jobs.some((job) => namesConfigMap(job, name))) return undefined
  const { namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata
  const given = Object.entries({ namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp })
  const set = given.filter(([, value]) => value !== undefined)
  return {
    metadata: {
      ...(Object.fromEntries(set) as Partial<ObjectMeta>),
      name,
      labels: readBy(labels),
      annotations: readBy(annotations),
      ownerReferences: ownerReferences.filter(({ controller }) => controller === true),
    },
  }
}

function readBy(entries: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(entries).filter(([name, value]) => READ_NAMES.has(name) && value.length <= MOST_CHARS),
  )
}

function namesConfigMap({ spec }: LiveJob, name: string): boolean {
  return spec.events.some(({ schema }) => (schema.name ?? schema.key) === name)
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
    .filter((job) => holdsModules || labels[LABELS.job] === job.metadata.name || namesConfigMap(job, name))
    .map(keyOfJob)
}
