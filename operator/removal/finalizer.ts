import type { NatsConnection } from '@nats-io/transport-node'

import type { JobEvent } from '../../crds/job.ts'
import type { JobRef } from '../../functions/queues/names.ts'
import { upgradeStreams } from '../../functions/upgrade/upgrade.ts'
import { closeQueue, deleteQueues, type Deletion } from '../../functions/queues/lifecycle.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import { jobRef, removeObjects, type RemovalDeps } from '../objects/remove-objects.ts'
import { isChildOf, type LiveJob } from '../watch/cluster-state.ts'

/** The finalizer of a Job: it keeps the Job until its queue is deleted, or closed and kept. */
export const FINALIZER = 'jobico.coeux.dev/queue'

/** How long a deletion waits for NATS and for runners to finish. After that the sweep of queues takes over. */
const MAX_WAIT_MS = 30_000
const POLL_MS = 1_000

/** What became of the queue of a deleted Job. */
export type QueueDisposition = Deletion | { readonly deleted: false; readonly unreachable: string }

/** The result of a step of a deletion: in how many ms to take the next one, or what became of the queue when it is over. */
export type DeletionStep = { readonly requeueMs: number } | { readonly queue: QueueDisposition }

/**
 * Takes a step of the deletion of a Job. It deletes the listeners, closes the queue to new events, deletes the runners,
 * waits for their pods to end (30 s at most), and deletes the streams if no event in them is pending or dead. Safe to repeat
 * and to interrupt. Throws KubeError.
 */
export async function continueDeletion(deps: RemovalDeps, job: LiveJob, now: Date): Promise<DeletionStep> {
  const { kube, cluster, nats } = deps
  const { namespace } = job.metadata
  const childrenAmong = <T extends KubeObject>(objects: readonly T[]) =>
    objects.filter((object) => isChildOf(object, job))
  await removeObjects(kube, KINDS.knativeService, childrenAmong(cluster.services.list(namespace)))
  const closed = await answerOrFault(async () => {
    await closeQueue(await nats.open(jobRef(job).namespace), jobRef(job))
  })
  await removeObjects(kube, KINDS.scaledObject, childrenAmong(cluster.scaledObjects.list(namespace)))
  await removeObjects(kube, KINDS.deployment, childrenAmong(cluster.deployments.list(namespace)))
  const isOver = now.getTime() - Date.parse(job.metadata.deletionTimestamp ?? '') >= MAX_WAIT_MS
  if (!isOver && ('fault' in closed || hasPods(deps, job))) return { requeueMs: POLL_MS }
  const end = await answerOrFault(async () =>
    endQueues(await nats.open(jobRef(job).namespace), jobRef(job), outputsOf(job.spec.events)),
  )
  if ('answer' in end) return { queue: end.answer }
  return isOver ? { queue: { deleted: false, unreachable: end.fault.message } } : { requeueMs: POLL_MS }
}

/**
 * Deletes the queue of a Job if nothing in it is pending or dead. Before that it moves what version 0.1.0 stored for the Job;
 * `outputs` says for each event where its results go, and is undefined if nobody knows.
 */
export async function endQueues(
  connection: NatsConnection,
  ref: JobRef,
  outputs: ReadonlyMap<string, string> | undefined,
): Promise<Deletion> {
  const upgraded = await upgradeStreams(connection, { ref, outputs })
  const deletion = await deleteQueues(connection, ref)
  if (upgraded.finished) return deletion
  const { pending = 0, dead = 0 } = deletion.deleted ? {} : deletion
  return { deleted: false, pending: pending + upgraded.left, dead }
}

/** The output event of each event that has one. Pure. */
export function outputsOf(events: readonly JobEvent[]): ReadonlyMap<string, string> {
  return new Map(
    events.flatMap(({ name, output }) =>
      output?.event === undefined ? [] : [[name, output.event] as const],
    ),
  )
}

/** What became of the queue, as the note of a Kubernetes Event. */
export function dispositionMessage(queue: QueueDisposition): string {
  if (queue.deleted) return 'The queue held nothing pending or dead, and was deleted'
  if ('unreachable' in queue)
    return `The queue could not be read; it is deleted or kept once NATS is back: ${queue.unreachable}`
  return (
    `The queue is kept: ${queue.pending} events are pending and ${queue.dead} are dead letters; ` +
    'a new Job of this name takes it over and works it off; dead letters go when their retention is over'
  )
}

function hasPods({ cluster }: RemovalDeps, { metadata }: LiveJob): boolean {
  return cluster.pods
    .list(metadata.namespace)
    .some(({ metadata: { labels = {} } }) => labels[LABELS.job] === metadata.name)
}
