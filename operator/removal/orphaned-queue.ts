import type { Log } from '../../functions/process/log.ts'
import { KubeError } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { ObjectName } from '../../knative/kube/object.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { RemovalDeps } from '../objects/remove-objects.ts'
import { endQueues } from './finalizer.ts'

/** What is needed to settle the queue of a Job that is gone. */
export interface OrphanDeps extends Pick<RemovalDeps, 'kube' | 'nats'> {
  readonly log: Log
}

const SOON_MS = 1_000

/** For a namespace that the operator may not look into any more: what it has of it stays as it is. */
function closedAt403(thrown: unknown): 'closed' {
  if (thrown instanceof KubeError && thrown.status === 403) return 'closed'
  throw thrown
}

/** Deletes the queue of a Job that is gone, unless it has pending events or dead letters; logs how many if that changed. */
export async function settleOrphanedQueue(
  { kube, nats, log }: OrphanDeps,
  { namespace, name }: ObjectName,
  reported: Map<string, string>,
): Promise<number | undefined> {
  // Asks the API server: the cache may be behind, and a deletion can't be undone.
  const job = await kube.get(KINDS.job, { namespace, name }).catch(closedAt403)
  if (job === 'closed') return undefined
  if (job !== undefined) return SOON_MS
  const end = await answerOrFault(async () =>
    endQueues(await nats.open(namespace), { namespace, job: name }, undefined),
  )
  const key = `${namespace}/${name}`
  if ('fault' in end || end.answer.deleted) {
    reported.delete(key)
    return undefined
  }
  const figures = `${end.answer.pending} ${end.answer.dead}`
  if (reported.get(key) !== figures)
    log.warn({ namespace, job: name, ...end.answer }, 'Kept the queue of a Job that is gone')
  reported.set(key, figures)
  return undefined
}
