import { setTimeout as delay } from 'node:timers/promises'

import { readBacklog } from '../../functions/queues/backlog.ts'
import { listQueues } from '../../functions/queues/lifecycle.ts'
import { jobOfAnyStream } from '../../functions/queues/names.ts'
import { listOldStreams } from '../../functions/upgrade/upgrade.ts'
import type { Log } from '../../functions/process/log.ts'
import { neverSinks } from '../../functions/process/never-sinks.ts'
import type { Kube } from '../../knative/kube/client.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import type { Platform } from '../../knative/resources/plan.ts'
import type { OperatorConfig } from '../config.ts'
import { collectUnusedCopies } from '../removal/garbage-collection.ts'
import { createChecks, type Checks } from '../checks/checks.ts'
import { eventRecorder } from '../event-recorder.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { createLimits, type Limits } from './limits.ts'
import { createModules } from '../resolve/modules.ts'
import { linkNats, type NatsLink } from '../nats-link.ts'
import { createStorageView, type StorageView } from '../storage-view.ts'
import { createOutputs } from '../resolve/outputs.ts'
import { createWorkQueue, type WorkQueue } from './work-queue.ts'
import { createReconcile, type Reconcile } from '../reconcile/reconcile.ts'
import { createSchemas } from '../resolve/schemas.ts'
import { jobsAffectedByNats, keyOf, watchCluster, whenSynced, type Cluster } from '../watch/cluster-state.ts'
import { createNatsChanges } from '../watch/nats-changes.ts'

/** What a controller has while it runs. */
export interface Work {
  readonly queue: WorkQueue
  readonly cluster: Cluster
  readonly storage: StorageView
}

/** What the controller needs. */
export interface ControllerOptions {
  readonly config: OperatorConfig
  readonly kube: Kube
  readonly platform: Platform
  readonly metrics: OperatorMetrics
  readonly log: Log
  /** For the metrics: called with the queue and the cluster when the controller starts, and with undefined when it ends. */
  readonly onWork: (work: Work | undefined) => void
}

/** How many Jobs are reconciled at once. */
const CONCURRENCY = 4
/** Pods change many times in a row: waiting a second makes one reconcile of them. */
const SOON_MS = 1_000
/** From the first event after a rest to a look at the counts. */
const STORED_MS = 10_000
/** How soon a change of limits counts. */
const LIMITS_MS = 15_000
const SWEEP_QUEUES_MS = 60_000
const SWEEP_COPIES_MS = 900_000

/** Runs the controller of the leader: watches the cluster and reconciles every Job until the signal aborts. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { config, kube, log } = options
  const reconcile = Promise.withResolvers<Reconcile>()
  const queue = createWorkQueue({
    // Reconciles wait until all caches are synced: an object that is not cached yet would look as if it did not exist.
    work: async (key) => await measured(options, await reconcile.promise, key),
    concurrency: CONCURRENCY,
    onError: (key, err, retryMs) => log.error({ key, err, retryMs }, 'Could not reconcile'),
  })
  const nats = linkNats(
    { url: config.natsUrl, credsFile: config.natsCredsFile, name: `jobico-operator ${config.podName}` },
    {
      log,
      onUp: () => {
        storage.follow(nats)
        changes.follow(nats.use())
        addAll(queue, cluster)
      },
    },
  )
  const changes = createNatsChanges(
    (change) => {
      for (const key of jobsAffectedByNats(change, cluster.jobs.list())) queue.addAfter(key, SOON_MS)
    },
    ({ namespace, job }) => queue.addAfter(keyOf(namespace, job), STORED_MS),
  )
  const storage = createStorageView(() => addAll(queue, cluster))
  const cluster: Cluster = watchCluster(
    { kube, namespaces: config.namespaces, log, signal },
    {
      reconcile: (key) => queue.add(key),
      reconcileSoon: (key) => queue.addAfter(key, SOON_MS),
      onConfigMapGone: (configMap) => resolvers.forget(configMap),
    },
  )
  const limits = createLimits(kube, config.podNamespace, log)
  const checks = createChecks(log, (key) => queue.add(key))
  const resolvers = resolversOf(options, { cluster, nats, limits, checks })
  options.onWork({ queue, cluster, storage })
  await Promise.all([whenSynced(cluster), limits.readFirst(signal)])
  log.info({ jobs: cluster.jobs.list().length }, 'Caches are synced')
  reconcile.resolve(
    createReconcile({
      ...options,
      cluster,
      nats,
      ...resolvers,
      lowStorage: () => storage.low(),
      whenStored: (job) => changes.whenStored(job),
      limits: (namespace) => limits.of(namespace),
      record: eventRecorder({ kube, instance: config.podName, log }),
      queueReplicas: config.queueReplicas,
    }),
  )
  const sweeps = [
    repeat(LIMITS_MS, signal, log, async () => {
      if (await limits.read()) addAll(queue, cluster)
    }),
    repeat(SWEEP_QUEUES_MS, signal, log, () => sweepQueues(nats, cluster, queue, config.namespaces)),
    repeat(SWEEP_COPIES_MS, signal, log, () => collectUnusedCopies({ kube, cluster, nats }, new Date())),
  ]
  await Promise.all(sweeps)
  await queue.stop()
  checks.close()
  options.onWork(undefined)
  await nats.close()
}

/** Makes what looks up the things that Jobs refer to. */
function resolversOf(
  { config, kube }: ControllerOptions,
  parts: {
    readonly cluster: Cluster
    readonly nats: NatsLink
    readonly limits: Limits
    readonly checks: Checks
  },
) {
  const { cluster, checks } = parts
  const reach = (namespace: string) => parts.limits.of(namespace)
  const schemas = createSchemas(kube, cluster, checks)
  const modules = createModules({ ...parts, kube, reach, replicas: config.queueReplicas })
  const forget = (configMap: KubeObject) => {
    schemas.forget(configMap)
    modules.forget(configMap)
  }
  return { schemas, modules, outputs: createOutputs(kube, { reach, never: neverSinks(config) }), forget }
}

async function measured({ metrics }: ControllerOptions, reconcile: Reconcile, key: string) {
  const start = performance.now()
  let ok = false
  try {
    const requeueMs = await reconcile(key)
    ok = true
    return requeueMs
  } finally {
    metrics.reconciled(ok, (performance.now() - start) / 1_000)
  }
}

function addAll(queue: WorkQueue, cluster: Cluster): void {
  for (const { metadata } of cluster.jobs.list()) queue.add(keyOf(metadata.namespace ?? '', metadata.name))
}

/**
 * Requests a reconcile for each queue whose Job is gone. It goes through the work queue, so it never runs while a Job of
 * that name is being reconciled. A queue that is closed already and still has pending events or dead letters is left as it
 * is. Streams of version 0.1.0 are moved. Of other namespaces than these nothing is known.
 */
async function sweepQueues(
  nats: NatsLink,
  cluster: Cluster,
  queue: WorkQueue,
  namespaces: readonly string[] | undefined,
): Promise<void> {
  const isOrphan = (stream: string) => {
    const ref = jobOfAnyStream(stream)
    if (ref === undefined || namespaces?.includes(ref.namespace) === false) return false
    return cluster.jobs.get({ namespace: ref.namespace, name: ref.job }) === undefined
  }
  for (const { ref, closed } of await listQueues(nats.use(), isOrphan)) {
    const backlog = closed ? await readBacklog(nats.use(), ref) : undefined
    if (backlog === undefined || backlog.pending + backlog.dead === 0)
      queue.add(keyOf(ref.namespace, ref.job))
  }
  for (const { namespace, job } of await listOldStreams(nats.use(), isOrphan))
    queue.add(keyOf(namespace, job))
}

/** Runs a sweep at intervals until the signal aborts; what it throws is logged. */
async function repeat(ms: number, signal: AbortSignal, log: Log, sweep: () => Promise<void>): Promise<void> {
  while (await passed(ms, signal))
    await sweep().catch((err: unknown) => log.warn({ err }, 'Could not sweep; tried again later'))
}

/** Waits that long; false when the signal aborted first. */
async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return await delay(ms, true, { signal }).catch(() => false)
}
