import { KubeError } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import { NATS_CREDENTIALS } from '../../knative/resources/nats-identity.ts'
import { unsure, type Fault } from '../faults/fault.ts'
import { natsFault } from '../faults/nats-fault.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import { refusal } from '../objects/apply-child.ts'

/**
 * Writes the credentials of a namespace, and gives the fault if they can't be written: then no pod could start. Throws KubeError
 * when the API server can't be reached.
 */
export async function credentialsFault(
  nats: Pick<LeaderNats, 'prepare'>,
  namespace: string,
): Promise<Fault | undefined> {
  try {
    await nats.prepare(namespace)
    return undefined
  } catch (thrown) {
    return thrown instanceof KubeError ? refusal(KINDS.secret, NATS_CREDENTIALS, thrown) : natsFault(thrown)
  }
}

/** The fault of every Job while nothing keeps the namespaces apart in NATS. Events go on all the same. */
export function openFault(nats: Pick<LeaderNats, 'isOpen'>): Fault | undefined {
  if (!nats.isOpen()) return undefined
  return unsure(
    'NatsOpen',
    'NATS lets everybody in who reaches it, so other namespaces can read and change this queue; its servers have to be started with identities.conf, see "Identities in NATS" in docs/operating.md; events go on meanwhile',
  )
}
