import { readEnv, readLogLevel, type EnvReader } from '../process/env.ts'
import type { EventRef } from '../queues/names.ts'

/** Settings of a listener process. */
export interface ListenerConfig {
  readonly ref: EventRef
  readonly natsUrl: string
  readonly natsCredsFile: string | undefined
  /** Path of the JSON Schema of the event's data. */
  readonly schemaFile: string
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** 0 serves no metrics. */
  readonly metricsPort: number
  readonly maxInFlight: number
  /** The most connections at once. */
  readonly maxConnections: number
  readonly authFile: string | undefined
  /** Whether the state of an event shows its result and the details of its error. */
  readonly exposeResults: boolean
  readonly logLevel: string
}

const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
const MAX_NAMESPACE = 63
const MAX_JOB = 40
const EVENT_NAME = /^[A-Za-z0-9]{1,10}$/
const MAX_PORT = 65_535
/** Each request in flight may hold a body of up to max_payload and its parsed form: a few MiB. */
const DEFAULT_IN_FLIGHT = 256
/** Each may hold 64 KiB of headers that are still arriving. */
const DEFAULT_CONNECTIONS = 2_048

/** Reads the settings from environment variables. Throws one CONFIG_INVALID that names every fault. */
export function readConfig(environment = process.env): ListenerConfig {
  return readEnv(environment, (env) => {
    const authFile = env.optional('JOBICO_AUTH_FILE')
    return {
      ref: {
        namespace: dnsLabel(env, 'JOBICO_NAMESPACE', MAX_NAMESPACE),
        job: dnsLabel(env, 'JOBICO_JOB', MAX_JOB),
        event: eventName(env, 'JOBICO_EVENT'),
      },
      natsUrl: env.text('NATS_URL'),
      natsCredsFile: env.optional('NATS_CREDS_FILE'),
      schemaFile: env.text('JOBICO_SCHEMA'),
      host: env.text('HOST', '0.0.0.0'),
      port: env.integer('PORT', { min: 0, max: MAX_PORT, fallback: 8080 }),
      metricsPort: env.integer('METRICS_PORT', { min: 0, max: MAX_PORT, fallback: 9464 }),
      maxInFlight: env.integer('JOBICO_MAX_IN_FLIGHT', { min: 1, max: 100_000, fallback: DEFAULT_IN_FLIGHT }),
      maxConnections: env.integer('JOBICO_MAX_CONNECTIONS', {
        min: 1,
        max: 1_000_000,
        fallback: DEFAULT_CONNECTIONS,
      }),
      authFile,
      exposeResults: env.flag('JOBICO_EXPOSE_RESULTS', authFile !== undefined),
      logLevel: readLogLevel(env),
    }
  })
}

function dnsLabel(env: EnvReader, name: string, max: number): string {
  const value = env.text(name)
  if (value !== '' && (value.length > max || !DNS_LABEL.test(value))) {
    env.fault(name, `is ${value}, not a DNS label of at most ${max} characters`)
  }
  return value
}

function eventName(env: EnvReader, name: string): string {
  const value = env.text(name)
  if (value !== '' && !EVENT_NAME.test(value)) env.fault(name, `is ${value}, not 1 to 10 letters and digits`)
  return value
}
