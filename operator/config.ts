import { readEnv, readLogLevel, type EnvReader } from '../functions/process/env.ts'

/** The settings of the operator, all from environment variables. */
export interface OperatorConfig {
  readonly natsUrl: string
  /** A credentials file for a NATS that whoever runs it has set up. */
  readonly natsCredsFile: string | undefined
  /** Whether the operator makes an account of NATS for each namespace. */
  readonly natsAccounts: boolean
  /** The `host:port` at which KEDA reaches the scaler of any operator pod. */
  readonly scalerAddress: string
  /** Replicas of each stream, unless the Job sets them. */
  readonly queueReplicas: 1 | 3 | 5
  /** The image of listeners and runners; if unset, the image of the operator's own pod. */
  readonly image: string | undefined
  /** The host of the API server, which never is a sink; undefined outside a cluster. */
  readonly apiServer: string | undefined
  /** The namespaces whose Jobs are served; undefined for all. */
  readonly namespaces: readonly string[] | undefined
  readonly podName: string
  readonly podNamespace: string
  /** The port for metrics and health checks; 0 serves neither. */
  readonly metricsPort: number
  /** The port of the scaler. */
  readonly scalerPort: number
  readonly logLevel: string
}

const MAX_PORT = 65_535

/** Reads the settings from environment variables. Throws one CONFIG_INVALID that lists every fault. */
export function readConfig(environment = process.env): OperatorConfig {
  return readEnv(environment, (env) => {
    const replicas = env.integer('JOBICO_QUEUE_REPLICAS', { min: 1, max: 5, fallback: 1 })
    if (replicas !== 1 && replicas !== 3 && replicas !== 5)
      env.fault('JOBICO_QUEUE_REPLICAS', `is ${replicas}, not 1, 3 or 5`)
    const podNamespace = env.text('POD_NAMESPACE')
    const scalerPort = env.integer('SCALER_PORT', { min: 1, max: MAX_PORT, fallback: 9090 })
    const scalerAddress = env.text('JOBICO_SCALER_ADDRESS', `jobico-scaler.${podNamespace}.svc:${scalerPort}`)
    if (!/^[^\s/:]+:\d{1,5}$/.test(scalerAddress))
      env.fault(
        'JOBICO_SCALER_ADDRESS',
        `is ${scalerAddress}, not host:port such as jobico-scaler.jobico-system.svc:9090`,
      )
    const natsCredsFile = env.optional('NATS_CREDS_FILE')
    const natsAccounts = env.flag('JOBICO_NATS_ACCOUNTS', false)
    if (natsAccounts && natsCredsFile !== undefined)
      env.fault(
        'JOBICO_NATS_ACCOUNTS',
        'is true, so the operator makes its own credentials; leave NATS_CREDS_FILE out, or for a NATS with credentials of yours set JOBICO_NATS_ACCOUNTS to false',
      )
    return {
      natsUrl: env.text('NATS_URL'),
      natsCredsFile,
      natsAccounts,
      scalerAddress,
      queueReplicas: replicas as OperatorConfig['queueReplicas'],
      image: env.optional('JOBICO_IMAGE'),
      apiServer: env.optional('KUBERNETES_SERVICE_HOST'),
      namespaces: namespacesIn(env),
      podName: env.text('POD_NAME'),
      podNamespace,
      metricsPort: env.integer('METRICS_PORT', { min: 0, max: MAX_PORT, fallback: 9464 }),
      scalerPort,
      logLevel: readLogLevel(env),
    }
  })
}

function namespacesIn(env: EnvReader): readonly string[] | undefined {
  const names = env
    .optional('JOBICO_NAMESPACES')
    ?.split(',')
    .map((name) => name.trim())
  const wrong = names?.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
  if (wrong !== undefined)
    env.fault(
      'JOBICO_NAMESPACES',
      `has "${wrong}", not names of namespaces with commas in between, such as shop,bank`,
    )
  return names && [...new Set(names)]
}
