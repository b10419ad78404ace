import { listQueues } from '../../../functions/queues/lifecycle.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { ClusterTarget } from '../target/cluster.ts'
import { namespacesWithAccess } from '../target/nats-access.ts'
import { queuesOf } from '../target/queues.ts'
import { atCluster, atPlatform, type ClusterOptions, type Platform } from '../target/target.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'

/** The options of both commands that name a place. */
export interface PlaceOptions extends ClusterOptions {
  readonly allNamespaces?: boolean
}

/** How long a command waits while NATS is unreachable or full. */
export const NATS_LIMIT_MS = 120_000

/** Calls `use` with the place that the options name, and with a progress line, which ends with it. */
export async function atPlace<T>(
  options: PlaceOptions,
  use: (platform: Platform, progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = createProgress(process.stderr)
  const withProgress = async (platform: Platform) => {
    try {
      return await use(platform, progress)
    } finally {
      progress.end()
    }
  }
  if (options.allNamespaces !== true) return await atPlatform(options, withProgress)
  return await atCluster(options, withProgress, ({ kube }) => `all namespaces of ${kube.place}`)
}

/** The Jobs to back up: those with these names, or all. Throws an Error that names the Jobs that exist. */
export async function soughtJobs(
  platform: Platform,
  names: readonly string[],
  { allNamespaces = false }: PlaceOptions,
): Promise<readonly JobRef[]> {
  if (allNamespaces && platform.kind === 'cluster') return await jobsOfAll(platform)
  if (names.length === 0) return await queuesOf(platform)
  const found: JobRef[] = []
  for (const name of new Set(names)) found.push(...(await queuesOf(platform, name)))
  return found
}

/** The Jobs with a queue of all namespaces: of those that have an account of NATS, or of an open NATS. */
async function jobsOfAll(cluster: ClusterTarget): Promise<readonly JobRef[]> {
  const found: JobRef[] = []
  for (const namespace of await namespacesWithAccess(cluster.kube)) {
    const queues = (await listQueues(await cluster.nats(namespace))).map(({ ref }) => ref)
    found.push(...queues.filter((ref) => ref.namespace === namespace))
  }
  return found.length > 0 ? found : (await listQueues(await cluster.nats())).map(({ ref }) => ref)
}
