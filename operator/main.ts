import type { Log } from '../functions/process/log.ts'
import { JobicoError } from '../functions/process/errors.ts'
import { serveMetrics } from '../functions/process/metrics-server.ts'
import { runProcess } from '../functions/process/run-process.ts'
import { onShutdown } from '../functions/process/shutdown.ts'
import type { Kube } from '../knative/kube/client.ts'
import { connectKube } from '../knative/kube/connect.ts'
import { KINDS } from '../knative/kube/kinds.ts'
import type { PodObject } from '../knative/status/observed.ts'
import type { Platform } from '../knative/resources/plan.ts'
import { readConfig, type OperatorConfig } from './config.ts'
import { runController, type Work } from './controller/controller.ts'
import { runLeaderElection } from './controller/leader-election.ts'
import { createOperatorMetrics } from './metrics.ts'
import { startScaler } from './scaler/scaler.ts'

/** How long a shutdown may take, in milliseconds; a reconcile that runs ends well within it. */
const GRACE_MS = 20_000
const LEASE = 'jobico-operator'
const CONTAINER = 'operator'

/**
 * Runs an operator process. Of several, only the elected leader reconciles, but each serves the scaler. Ends on the signals of
 * onShutdown.
 */
async function main(config: OperatorConfig, log: Log): Promise<void> {
  const stopping = new AbortController()
  let work: Work | undefined
  let followed = () => 0
  const metrics = createOperatorMetrics({
    waiting: () => work?.queue.size() ?? 0,
    jobs: () => work?.cluster.jobs.list().length ?? 0,
    followed: () => followed(),
    storage: () => work?.storage.reports() ?? [],
  })
  let isReady = false
  if (config.metricsPort > 0) await serveMetrics(metrics.registry, config.metricsPort, () => isReady)
  const scaler = await startScaler({
    ...config,
    port: config.scalerPort,
    log,
    onRequests: metrics.scalerRequests,
  })
  followed = scaler.followed
  const kube = await connectKube({ onRequest: metrics.request })
  const platform = await platformOf(config, kube)
  isReady = true
  log.info({ image: platform.image, nats: config.natsUrl }, 'Ready')
  const election = runLeaderElection({
    kube,
    namespace: config.podNamespace,
    name: LEASE,
    identity: config.podName,
    log,
    signal: stopping.signal,
    lead: async (signal) => {
      log.info('Started leading')
      metrics.leading(true)
      await runController({ config, kube, platform, metrics, log, onWork: (now) => (work = now) }, signal)
      metrics.leading(false)
      log.info('Stopped leading')
    },
  })
  onShutdown(log, GRACE_MS, async () => {
    stopping.abort()
    await Promise.all([election, scaler.close()])
  })
  await election
}

async function platformOf(config: OperatorConfig, kube: Kube): Promise<Platform> {
  const { natsUrl, scalerAddress, logLevel } = config
  const image = config.image ?? (await ownImage(config, kube))
  return { image, natsUrl, scalerAddress, logLevel }
}

/** The image of the operator's own pod, which contains the listener and the runner too. Throws CONFIG_INVALID. */
async function ownImage({ podNamespace, podName }: OperatorConfig, kube: Kube): Promise<string> {
  const pod = await kube.get<PodObject>(KINDS.pod, { namespace: podNamespace, name: podName })
  const image = pod?.spec?.containers?.find(({ name }) => name === CONTAINER)?.image
  if (image !== undefined) return image
  throw new JobicoError(
    'CONFIG_INVALID',
    `the pod ${podName} of ${podNamespace} has no container ${CONTAINER} whose image could be used; set JOBICO_IMAGE`,
  )
}

runProcess('operator', readConfig, main)
