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
import { pause } from './backoff.ts'
import { readConfig, type OperatorConfig } from './config.ts'
import { runController, type Work } from './controller/controller.ts'
import { runLeaderElection } from './controller/leader-election.ts'
import { createOperatorMetrics } from './metrics.ts'
import type { NatsAccess } from './nats/access.ts'
import { createInstallation, type Installation } from './nats/installation.ts'
import { createNatsLinks } from './nats/links.ts'
import { startScaler } from './scaler/scaler.ts'

/** How long a shutdown may take, in milliseconds; a reconcile that runs ends well within it. */
const GRACE_MS = 20_000
/** How soon a process learns that the keys of NATS have changed, and that there are any. */
const KEYS_MS = 120_000
const FIRST_KEYS_MS = 1_000
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
  const kube = await connectKube({ onRequest: metrics.request })
  const installation = config.natsAccounts ? createInstallation(kube, config.podNamespace, log) : undefined
  const links = createNatsLinks({
    ...{ url: config.natsUrl, name: `jobico-operator ${config.podName}`, log },
    access: accessOf(config, installation),
  })
  const scaler = await startScaler({
    ...{ links, log, port: config.scalerPort },
    onRequests: metrics.scalerRequests,
  })
  followed = scaler.followed
  const following = followKeys(installation, stopping.signal)
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
      await runController(
        { config, kube, platform, metrics, log, links, installation, onWork: (now) => (work = now) },
        signal,
      )
      metrics.leading(false)
      log.info('Stopped leading')
    },
  })
  onShutdown(log, GRACE_MS, async () => {
    stopping.abort()
    await Promise.all([election, scaler.close(), following])
    await links.close()
  })
  await election
}

function accessOf({ natsCredsFile }: OperatorConfig, installation: Installation | undefined): NatsAccess {
  return installation === undefined
    ? { kind: 'shared', credsFile: natsCredsFile }
    : { kind: 'accounts', keys: () => installation.get() }
}

/** Reads the keys of NATS now and then: any process may connect for a namespace, and the leader may change them. */
async function followKeys(installation: Installation | undefined, signal: AbortSignal): Promise<void> {
  let isKnown = false
  while (installation !== undefined && !signal.aborted) {
    isKnown = (await installation.read()) || isKnown
    await pause(isKnown ? KEYS_MS : FIRST_KEYS_MS, signal)
  }
}

async function platformOf(config: OperatorConfig, kube: Kube): Promise<Platform> {
  const { natsUrl, natsAccounts, natsCredsFile, scalerAddress, logLevel } = config
  const image = config.image ?? (await ownImage(config, kube))
  const natsCredentials = natsAccounts || natsCredsFile !== undefined
  return { image, natsUrl, natsCredentials, scalerAddress, logLevel }
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
