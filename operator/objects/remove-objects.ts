import type { JobRef } from '../../functions/queues/names.ts'
import type { Kube } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import type { LiveJob, Cluster } from '../watch/cluster-state.ts'

/** What is needed to remove the children of a Job. */
export interface RemovalDeps {
  readonly kube: Kube
  readonly cluster: Cluster
  readonly nats: Pick<LeaderNats, 'open'>
}

/** Deletes objects in the background. The uid makes sure that no newer object of the same name is deleted. */
export async function removeObjects(kube: Kube, kind: Kind, objects: readonly KubeObject[]): Promise<void> {
  for (const { metadata } of objects) {
    const { namespace = '', name, uid, deletionTimestamp } = metadata
    if (deletionTimestamp !== undefined) continue
    await kube.remove(
      kind,
      { namespace, name },
      { ...(uid === undefined ? {} : { uid }), propagation: 'Background' },
    )
  }
}

/** The namespace and name of a Job, from which the names of its streams are made. */
export function jobRef({ metadata: { namespace = '', name } }: LiveJob): JobRef {
  return { namespace, job: name }
}
