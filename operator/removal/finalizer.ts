import { closeQueue, deleteQueues, type Deletion } from '../../functions/queues/lifecycle.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import { jobRef, removeObjects, type RemovalDeps } from '../objects/remove-objects.ts'
import { isChildOf, type LiveJob } from '../watch/cluster.ts'

/** Keeps a Job until its queue was looked after. */
export const FINALIZER = 'jobico.coeux.dev/queue'

/** How long a deletion waits for NATS, and for runners to finish; what is left then, the sweep takes care of. */
const PATIENCE_MS = 30_000
const LOOK_AGAIN_MS = 1_000

/** What became of the queue of a deleted Job. */
export type QueueDisposition = Deletion | { readonly deleted: false; readonly unreachable: string }

/** How far the deletion of a Job has come: to be gone on with after some time, or over. */
export type DeletionStep = { readonly againMs: number } | { readonly fate: QueueDisposition }

/**
 * Goes on with the deletion of a Job: its listeners go first, then nothing more gets into its queue, then its runners go. The
 * streams are deleted where nothing in them is pending or dead. Safe to repeat, and to break off. Throws KubeError.
 */
export async function continueDeletion(deps: RemovalDeps, job: LiveJob, now: Date): Promise<DeletionStep> {
  const { kube, cluster: cluster, nats } = deps
  const { namespace } = job.metadata
  const ours = <T extends KubeObject>(objects: readonly T[]) =>
    objects.filter((object) => isChildOf(object, job))
  await removeObjects(kube, KINDS.knativeService, ours(cluster.services.list(namespace)))
  const closed = await answerOrFault(() => closeQueue(nats.use(), jobRef(job)))
  await removeObjects(kube, KINDS.scaledObject, ours(cluster.scaledObjects.list(namespace)))
  await removeObjects(kube, KINDS.deployment, ours(cluster.deployments.list(namespace)))
  const isOver = now.getTime() - Date.parse(job.metadata.deletionTimestamp ?? '') >= PATIENCE_MS
  if (!isOver && ('fault' in closed || hasPods(deps, job))) return { againMs: LOOK_AGAIN_MS }
  const end = await answerOrFault(() => deleteQueues(nats.use(), jobRef(job)))
  if ('answer' in end) return { fate: end.answer }
  return isOver ? { fate: { deleted: false, unreachable: end.fault.message } } : { againMs: LOOK_AGAIN_MS }
}

/** What became of the queue, in words. */
export function dispositionMessage(fate: QueueDisposition): string {
  if (fate.deleted) return 'The queue held nothing pending or dead, and was deleted'
  if ('unreachable' in fate)
    return `The queue could not be looked at, and is looked after once NATS is back: ${fate.unreachable}`
  return (
    `The queue is kept: ${fate.pending} events are pending and ${fate.dead} are dead letters; ` +
    'a new Job of this name takes it up and works it off; dead letters go when their retention is over'
  )
}

function hasPods({ cluster: cluster }: RemovalDeps, { metadata }: LiveJob): boolean {
  return cluster.pods
    .list(metadata.namespace)
    .some(({ metadata: { labels = {} } }) => labels[LABELS.job] === metadata.name)
}
