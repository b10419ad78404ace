import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import type { Log } from '../../functions/process/log.ts'
import { readBacklog } from '../../functions/queues/backlog.ts'
import { listQueues } from '../../functions/queues/lifecycle.ts'
import { jobOfAnyStream } from '../../functions/queues/names.ts'
import { listOldStreams } from '../../functions/upgrade/upgrade.ts'
import { eachNamespace } from '../each-namespace.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import { keyOf, type Cluster } from '../watch/cluster-state.ts'
import type { WorkQueue } from './work-queue.ts'

/** What is swept. */
export interface Swept {
  readonly nats: Pick<LeaderNats, 'open' | 'apart' | 'withMessages'>
  readonly cluster: { readonly jobs: Pick<Cluster['jobs'], 'get' | 'list'> }
  readonly queue: Pick<WorkQueue, 'add'>
  /** The namespaces whose Jobs are served; undefined for all. Of others nothing is known, so they are left alone. */
  readonly namespaces: readonly string[] | undefined
}

/**
 * Requests a reconcile for each queue whose Job is gone, in the namespaces that have Jobs. It goes through the work queue, so
 * it never runs while a Job of that name is being reconciled. A queue that is closed already and still has pending events or
 * dead letters is left as it is. Streams of version 0.1.0 are moved. Throws as LeaderNats.
 */
export async function sweepQueues(swept: Swept): Promise<void> {
  const namespaces = swept.cluster.jobs.list().map(({ metadata }) => metadata.namespace ?? '')
  await sweepEach(swept, namespaces)
}

/** The same in all namespaces that have messages, whether they have Jobs or not. */
export async function sweepLeftQueues(swept: Swept): Promise<void> {
  const namespaces = await swept.nats.withMessages()
  await sweepEach(
    swept,
    namespaces.filter((namespace) => isServed(swept, namespace)),
  )
}

async function sweepEach(swept: Swept, namespaces: readonly string[]): Promise<void> {
  const { nats } = swept
  await eachNamespace(nats.apart(namespaces), async (namespace) => {
    await sweepOne(swept, await nats.open(namespace))
  })
}

async function sweepOne(swept: Swept, connection: NatsConnection): Promise<void> {
  const { cluster, queue } = swept
  const isOrphan = (stream: string) => {
    const ref = jobOfAnyStream(stream)
    if (ref === undefined || !isServed(swept, ref.namespace)) return false
    return cluster.jobs.get({ namespace: ref.namespace, name: ref.job }) === undefined
  }
  for (const { ref, closed } of await listQueues(connection, isOrphan)) {
    const backlog = closed ? await readBacklog(connection, ref) : undefined
    if (backlog === undefined || backlog.pending + backlog.dead === 0)
      queue.add(keyOf(ref.namespace, ref.job))
  }
  for (const { namespace, job } of await listOldStreams(connection, isOrphan))
    queue.add(keyOf(namespace, job))
}

function isServed({ namespaces }: Swept, namespace: string): boolean {
  return namespaces === undefined || namespaces.includes(namespace)
}

/** Runs a sweep at intervals until the signal aborts; what it throws is logged. */
export async function repeat(
  ms: number,
  signal: AbortSignal,
  log: Log,
  sweep: () => Promise<void>,
): Promise<void> {
  while (await passed(ms, signal))
    await sweep().catch((err: unknown) => log.warn({ err }, 'Could not sweep; tried again later'))
}

/** Waits that long; false when the signal aborted first. */
async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return await delay(ms, true, { signal }).catch(() => false)
}
