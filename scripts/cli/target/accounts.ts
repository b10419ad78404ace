import { setTimeout as delay } from 'node:timers/promises'

import type { ClusterTarget } from './cluster.ts'
import { NoAccountError } from './nats-access.ts'

const LOOK_MS = 500

/** Whether a namespace has an account in NATS, or needs none. Throws an Error if NATS can't be reached. */
export async function hasAccount({ nats }: ClusterTarget, namespace: string): Promise<boolean> {
  try {
    await nats(namespace)
    return true
  } catch (fault) {
    if (fault instanceof NoAccountError) return false
    throw fault
  }
}

/** Waits until the operator has made the accounts of namespaces. Throws an Error if it does not in time. */
export async function untilAccounts(
  cluster: ClusterTarget,
  namespaces: Iterable<string>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (const namespace of namespaces)
    while (!(await hasAccount(cluster, namespace))) {
      if (performance.now() > deadline)
        throw new Error(
          `the operator has not made the account of the namespace ${namespace} in NATS yet; see whether it runs: kubectl get pods -n jobico-system`,
        )
      await delay(LOOK_MS)
    }
}
