import { readEnv, readLogLevel } from '../process/env.ts'

/** The settings of the process that looks at the store of a NATS server before the server starts. */
export interface AdoptConfig {
  /** The folder `jetstream` of the server. */
  readonly store: string
  /** The file with the name of the installation. */
  readonly idFile: string
  readonly logLevel: string
}

/** Reads the settings from environment variables. Throws one CONFIG_INVALID that lists every fault. */
export function readConfig(environment = process.env): AdoptConfig {
  return readEnv(environment, (env) => ({
    store: env.text('JOBICO_NATS_STORE'),
    idFile: env.text('JOBICO_NATS_ID_FILE'),
    logLevel: readLogLevel(env),
  }))
}
