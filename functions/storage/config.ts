import { readEnv, readLogLevel } from '../process/env.ts'

/** The settings of the guard of one NATS server. */
export interface GuardConfig {
  /** The server itself, not another one of its cluster. */
  readonly natsUrl: string
  readonly natsCredsFile: string | undefined
  /** The server's monitoring, such as `http://127.0.0.1:8222`. */
  readonly monitoringUrl: string
  /** A folder on the disk of the server's streams. */
  readonly folder: string
  /** The file in which the server writes its process id. Without it, the guard restarts nothing. */
  readonly pidFile: string | undefined
  readonly logLevel: string
}

/** Reads the settings from environment variables. Throws one CONFIG_INVALID that lists every fault. */
export function readConfig(environment = process.env): GuardConfig {
  return readEnv(environment, (env) => {
    const monitoringUrl = env.text('JOBICO_NATS_MONITORING_URL')
    if (monitoringUrl !== '' && !URL.canParse(monitoringUrl))
      env.fault('JOBICO_NATS_MONITORING_URL', `is ${monitoringUrl}, not a URL such as http://127.0.0.1:8222`)
    return {
      natsUrl: env.text('NATS_URL'),
      natsCredsFile: env.optional('NATS_CREDS_FILE'),
      monitoringUrl: monitoringUrl.replace(/\/$/, ''),
      folder: env.text('JOBICO_STORAGE_FOLDER'),
      pidFile: env.optional('JOBICO_NATS_PID_FILE'),
      logLevel: readLogLevel(env),
    }
  })
}
