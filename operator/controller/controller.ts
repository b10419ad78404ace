import type { JobRef } from '../../functions/queues/names.ts'
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
import type { Installation } from '../nats/installation.ts'
import { openLeaderNats, type LeaderNats } from '../nats/leader-nats.ts'
import type { NatsLinks } from '../nats/links.ts'
import { createStorageView, type StorageView } from '../storage-view.ts'
import { createOutputs } from '../resolve/outputs.ts'
import { createWorkQueue, type WorkQueue } from './work-queue.ts'
import { createReconcile, type Reconcile } from '../reconcile/reconcile.ts'
import { createSchemas } from '../resolve/schemas.ts'
import { jobsAffectedByNats, keyOf, watchCluster, whenSynced, type Cluster } from '../watch/cluster-state.ts'
import { createNatsChanges } from '../watch/nats-changes.ts'
import { repeat, sweepLeftQueues, sweepQueues, type Swept } from './sweeps.ts'

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
  readonly links: NatsLinks
  /** The keys of NATS; undefined where all namespaces share one account. */
  readonly installation: Installation | undefined
  /** For tests: another time than KEYS_MS. */
  readonly keysMs?: number
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
/** How soon the keys of NATS are made, and a step of their rotation is taken. */
const KEYS_MS = 60_000
const SWEEP_QUEUES_MS = 60_000
/** Namespaces without Jobs may have queues of Jobs that were deleted. */
const SWEEP_LEFT_MS = 600_000
const SWEEP_COPIES_MS = 900_000

/** Runs the controller of the leader: watches the cluster and reconciles every Job until the signal aborts. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { config, kube, log, keysMs = KEYS_MS } = options
  const reconcile = Promise.withResolvers<Reconcile>()
  const queue = createWorkQueue({
    // Reconciles wait until all caches are synced: an object that is not cached yet would look as if it did not exist.
    work: async (key) => await measured(options, await reconcile.promise, key),
    concurrency: CONCURRENCY,
    onError: (key, err, retryMs) => log.error({ key, err, retryMs }, 'Could not reconcile'),
  })
  const cluster: Cluster = watchCluster(
    { kube, namespaces: config.namespaces, log, signal },
    {
      reconcile: (key) => queue.add(key),
      reconcileSoon: (key) => queue.addAfter(key, SOON_MS),
      onConfigMapGone: (configMap) => resolvers.forget(configMap),
    },
  )
  const work: Work = { queue, cluster, storage: createStorageView(() => addAll(work)) }
  const { nats, whenStored, unfollow } = followNats(options, work)
  const limits = createLimits(kube, config.podNamespace, log)
  const checks = createChecks(log, (key) => queue.add(key))
  const resolvers = resolversOf(options, { cluster, nats, limits, checks })
  options.onWork(work)
  await Promise.all([keepKeys(options, nats, work), whenSynced(cluster), limits.readFirst(signal)])
  log.info({ jobs: cluster.jobs.list().length }, 'Caches are synced')
  reconcile.resolve(
    createReconcile({
      ...options,
      ...{ cluster, nats, whenStored, ...resolvers },
      lowStorage: () => work.storage.low(),
      limits: (namespace) => limits.of(namespace),
      record: eventRecorder({ kube, instance: config.podName, log }),
      queueReplicas: config.queueReplicas,
    }),
  )
  const swept: Swept = { nats, cluster, queue, namespaces: config.namespaces }
  await Promise.all([
    repeat(LIMITS_MS, signal, log, async () => {
      if (await limits.read()) addAll(work)
    }),
    repeat(keysMs, signal, log, () => keepKeys(options, nats, work)),
    repeat(SWEEP_QUEUES_MS, signal, log, () => sweepQueues(swept)),
    repeat(SWEEP_LEFT_MS, signal, log, () => sweepLeftQueues(swept)),
    repeat(SWEEP_COPIES_MS, signal, log, () => collectUnusedCopies({ kube, cluster, nats }, new Date())),
  ])
  await queue.stop()
  checks.close()
  options.onWork(undefined)
  unfollow()
  await nats.close()
}

/** Opens what the leader has of NATS, and requests reconciles of the Jobs that are concerned by what happens there. */
function followNats(options: ControllerOptions, work: Work) {
  const { config, kube, links, installation, log } = options
  const { queue, cluster, storage } = work
  const nats: LeaderNats = openLeaderNats({
    ...{ kube, links, installation, log },
    ...{ url: config.natsUrl, name: `jobico-operator ${config.podName}` },
    access:
      installation === undefined
        ? { kind: 'shared', credsFile: config.natsCredsFile }
        : { kind: 'accounts', keys: () => installation.get() },
    onStorage: () => storage.follow(nats.storage),
    onServers: () => addAll(work),
  })
  const changes = createNatsChanges(
    (change) => {
      for (const key of jobsAffectedByNats(change, cluster.jobs.list())) queue.addAfter(key, SOON_MS)
    },
    ({ namespace, job }) => queue.addAfter(keyOf(namespace, job), STORED_MS),
  )
  const unfollow = links.follow({
    needs: (namespace) => cluster.jobs.list(namespace).length > 0,
    onUp: (connection, namespace) => {
      changes.follow(connection, namespace)
      addAll(work, namespace)
    },
  })
  return { nats, whenStored: (job: JobRef) => changes.whenStored(job), unfollow }
}

/** Makes what looks up the things that Jobs refer to. */
function resolversOf(
  { config, kube }: ControllerOptions,
  parts: {
    readonly cluster: Cluster
    readonly nats: LeaderNats
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

/** Keeps the keys of NATS; when they have changed, namespaces get other credentials. What it throws is logged. */
async function keepKeys({ log }: ControllerOptions, nats: LeaderNats, work: Work): Promise<void> {
  try {
    if (await nats.keep(new Date())) addAll(work)
  } catch (err) {
    log.error({ err }, 'Could not make the keys of NATS; tried again')
  }
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

/** Requests a reconcile of all Jobs, or of those of a namespace. */
function addAll({ queue, cluster }: Work, namespace?: string): void {
  for (const { metadata } of cluster.jobs.list(namespace))
    queue.add(keyOf(metadata.namespace ?? '', metadata.name))
}
