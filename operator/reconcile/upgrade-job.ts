import type { Log } from '../../functions/process/log.ts'
import { upgradeStreams, type UpgradeProgress } from '../../functions/upgrade/upgrade.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS, LAYOUT } from '../../knative/resources/labels.ts'
import type { KnativeServiceObject, PodObject } from '../../knative/status/observed.ts'
import type { RecordEvent } from '../event-recorder.ts'
import { unsure, type Fault } from '../faults/fault.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import { jobRef, type RemovalDeps } from '../objects/remove-objects.ts'
import { outputsOf } from '../removal/finalizer.ts'
import { isChildOf, type Cluster, type LiveJob } from '../watch/cluster-state.ts'

/** What moving the streams of 0.1.0 needs. */
export interface UpgradeDeps extends Omit<RemovalDeps, 'nats'> {
  readonly nats: Pick<LeaderNats, 'open' | 'isClosed'>
  readonly record: RecordEvent
  readonly log: Log
}

/** How far the upgrade of a Job from 0.1.0 is. */
export interface JobUpgrade {
  /** Whether nothing of 0.1.0 is left. */
  readonly finished: boolean
  /** Whether the outcomes are moved, so that listeners and runners of this version may start. */
  readonly mayServe: boolean
  /** Events with messages in the streams of 0.1.0. */
  readonly waiting: ReadonlySet<string>
  readonly fault: Fault | undefined
}

/** The upgrade of a Job that has nothing of 0.1.0. */
export const UPGRADED: JobUpgrade = { finished: true, mayServe: true, waiting: new Set(), fault: undefined }

const RECORD_MS = 10_000

/**
 * Moves what 0.1.0 stored for a Job: all of it, or, while pods of 0.1.0 may run, what pods of this version take over.
 * `served` are the events that the Job has. Says so by Kubernetes Events. Throws KubeError.
 */
export async function upgradeJob(
  deps: UpgradeDeps,
  job: LiveJob,
  served: ReadonlySet<string>,
): Promise<JobUpgrade> {
  const { nats, cluster, log } = deps
  // Pods of 0.1.0 have no credentials, so servers that ask for them keep out those that are still there.
  const isShared = !nats.isClosed() && mayUseOldStreams(cluster, job)
  const ref = jobRef(job)
  const notes: Promise<void>[] = []
  let recordedAt = -Infinity
  const onProgress = (progress: UpgradeProgress) => {
    if (progress.moved === 0 || performance.now() - recordedAt < RECORD_MS) return
    recordedAt = performance.now()
    log.info({ ...ref, ...progress }, 'Moves what version 0.1.0 stored')
    const { moved, left } = progress
    const note = `${moved} messages of version 0.1.0 are moved, ${left} are left; events go on meanwhile`
    notes.push(recordOf(deps, job, 'Upgrading', note))
  }
  const moved = await answerOrFault(async () =>
    upgradeStreams(await nats.open(ref.namespace), {
      ref,
      outputs: outputsOf(job.spec.events),
      served: isShared ? served : undefined,
      onProgress,
    }),
  )
  await Promise.all(notes)
  if ('fault' in moved) return { ...UPGRADED, finished: false, mayServe: false, fault: moved.fault }
  const { answer } = moved
  if (!answer.finished) {
    const { left, waiting } = answer
    const message = `${left} events are in the streams of version 0.1.0; they are moved while its pods end, and run meanwhile`
    return { finished: false, mayServe: true, waiting, fault: unsure('Upgrading', message) }
  }
  if (answer.existed) {
    log.info({ ...ref }, 'Moved everything that version 0.1.0 stored')
    await recordOf(
      deps,
      job,
      'Upgraded',
      'All that version 0.1.0 stored is moved, and its streams are deleted',
    )
  }
  return UPGRADED
}

function recordOf({ record }: UpgradeDeps, job: LiveJob, reason: string, note: string): Promise<void> {
  const { apiVersion, kind } = job
  return record({ regarding: { ...job, apiVersion, kind }, type: 'Normal', reason, note, action: 'Upgrade' })
}

/**
 * Whether processes of 0.1.0 run, or may start from zero: pods, Deployments, and Knative Services that were not replaced yet,
 * or whose earlier Revision still gets the requests.
 */
function mayUseOldStreams({ pods, services, deployments }: Cluster, job: LiveJob): boolean {
  const { namespace, name } = job.metadata
  const isOwn = (child: KubeObject) => isChildOf(child, job)
  return (
    pods.list(namespace).some((pod) => pod.metadata.labels?.[LABELS.job] === name && isOldPod(pod)) ||
    deployments.list(namespace).some((each) => isOwn(each) && isOld(each.spec?.template?.metadata?.labels)) ||
    services.list(namespace).some((each) => isOwn(each) && isOldService(each))
  )
}

function isOldPod({ metadata, status }: PodObject): boolean {
  return isOld(metadata.labels) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
}

function isOldService({ metadata, spec, status }: KnativeServiceObject): boolean {
  if (isOld(spec?.template?.metadata?.labels)) return true
  const {
    latestReadyRevisionName: serving,
    latestCreatedRevisionName: latest,
    observedGeneration,
  } = status ?? {}
  return serving !== undefined && (serving !== latest || observedGeneration !== metadata.generation)
}

function isOld(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels?.[LABELS.layout] !== LAYOUT
}
