import type { JobRef } from '../../functions/queues/names.ts'
import type { Kube } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import type { NatsLink } from '../nats-link.ts'
import type { LiveJob, Cluster } from '../watch/cluster.ts'

/** Through what children are removed. */
export interface RemovalDeps {
  readonly kube: Kube
  readonly cluster: Cluster
  readonly nats: NatsLink
}

/** Removes objects, each only if it still is the one that is known. */
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

/** A Job as its queue is called after it. */
export function jobRef({ metadata: { namespace = '', name } }: LiveJob): JobRef {
  return { namespace, job: name }
}
