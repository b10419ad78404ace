import { readEnv, type EnvReader } from '../process/env.ts'
import { messageOf } from '../process/errors.ts'
import type { EventRef } from '../queues/names.ts'
import type { RetryPolicy } from './attempts/retry-policy.ts'

/** Where the result of an event goes, in addition to its verdict. */
export type OutputConfig =
  | { readonly event: string; /** Path of that event's schema. */ readonly schema: string }
  | {
      readonly sink: string
      /** The host of the API server, which never is a sink. */
      readonly apiServer: string | undefined
      /** Whether the sink may be on this machine. */
      readonly loopback: boolean
    }

/** The configuration of a runner. */
export interface RunnerConfig {
  readonly ref: EventRef
  readonly natsUrl: string
  readonly natsCredsFile: string | undefined
  /** 0 serves no metrics. */
  readonly metricsPort: number
  readonly logLevel: string
  /** A path, or `sha256-<hex>` in the module store. */
  readonly module: string
  readonly timeoutMs: number
  readonly memoryBytes: number
  readonly concurrency: number
  readonly retry: RetryPolicy
  readonly doneRetentionSeconds: number
  readonly deadRetentionSeconds: number
  readonly output: OutputConfig | undefined
  /** The events to which the module may emit, with the paths of their schemas; null for one that is not served yet. */
  readonly emits: Readonly<Record<string, string | null>>
  /** The module's own variables. */
  readonly guestEnv: Readonly<Record<string, string>>
}

const DAY_S = 86_400

/** Reads the configuration from environment variables. Throws one CONFIG_INVALID that names every fault. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): RunnerConfig {
  return readEnv(environment, (env) => ({
    ref: {
      namespace: env.text('JOBICO_NAMESPACE'),
      job: env.text('JOBICO_JOB'),
      event: env.text('JOBICO_EVENT'),
    },
    natsUrl: env.text('NATS_URL'),
    natsCredsFile: env.optional('NATS_CREDS_FILE'),
    metricsPort: env.integer('METRICS_PORT', { min: 0, max: 65_535, fallback: 9464 }),
    logLevel: env.text('LOG_LEVEL', 'info'),
    module: env.text('JOBICO_MODULE'),
    timeoutMs: env.integer('JOBICO_TIMEOUT_MS', { min: 1, max: 3_600_000, fallback: 10_000 }),
    memoryBytes: env.integer('JOBICO_MEMORY_BYTES', { min: 65_536, max: 2 ** 32, fallback: 64 * 2 ** 20 }),
    concurrency: env.integer('JOBICO_CONCURRENCY', { min: 1, max: 256, fallback: 4 }),
    retry: {
      maxAttempts: env.integer('JOBICO_MAX_ATTEMPTS', { min: 1, max: 1_000, fallback: 5 }),
      minDelayMs: env.integer('JOBICO_MIN_DELAY_MS', { min: 0, max: DAY_S * 1_000, fallback: 1_000 }),
      maxDelayMs: env.integer('JOBICO_MAX_DELAY_MS', { min: 0, max: 30 * DAY_S * 1_000, fallback: 300_000 }),
    },
    doneRetentionSeconds: env.integer('JOBICO_DONE_RETENTION_S', {
      min: 1,
      max: 3_650 * DAY_S,
      fallback: DAY_S,
    }),
    deadRetentionSeconds: env.integer('JOBICO_DEAD_RETENTION_S', {
      min: 1,
      max: 3_650 * DAY_S,
      fallback: 30 * DAY_S,
    }),
    output: outputConfig(env),
    emits: emitsConfig(env),
    guestEnv: env.prefixed('JOBICO_GUEST_'),
  }))
}

function outputConfig(env: EnvReader): OutputConfig | undefined {
  const value = jsonObject(env, 'JOBICO_OUTPUT')
  if (value === undefined) return undefined
  const { event, schema, sink } = value
  if (typeof sink === 'string' && URL.canParse(sink))
    return {
      sink,
      apiServer: env.optional('KUBERNETES_SERVICE_HOST'),
      loopback: env.flag('JOBICO_LOCAL_SINKS', false),
    }
  if (typeof event === 'string' && typeof schema === 'string') return { event, schema }
  env.fault('JOBICO_OUTPUT', 'needs {"event", "schema"} or {"sink": "<URL>"}')
  return undefined
}

function emitsConfig(env: EnvReader): RunnerConfig['emits'] {
  const paths = Object.entries(jsonObject(env, 'JOBICO_EMIT') ?? {})
  const isRight = (entry: [string, unknown]): entry is [string, string | null] =>
    typeof entry[1] === 'string' || entry[1] === null
  if (paths.every(isRight)) return Object.fromEntries(paths)
  env.fault('JOBICO_EMIT', 'needs {"<event>": "<path of its schema>"}, or null where it has none yet')
  return {}
}

function jsonObject(env: EnvReader, name: string): Readonly<Record<string, unknown>> | undefined {
  const text = env.optional(name)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
    env.fault(name, 'is no JSON object')
  } catch (cause) {
    env.fault(name, `is not JSON: ${messageOf(cause)}`)
  }
  return undefined
}
