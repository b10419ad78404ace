import { readEnv } from '../../functions/process/env.ts'
import { withVariables } from '../testing/environment.ts'

/** The settings that run.ts gives to the cases. */
export interface CaseConfig {
  /** Part of the names of this run's namespaces. */
  readonly run: string
  /** The file to which the cases add their measurements, a line of JSON each. */
  readonly timesFile: string
  /** The folder with the compiled modules echo.wasm, v1.wasm, v2.wasm, v3.wasm, faults.wasm, signup.wasm and welcome.wasm. */
  readonly modules: string
  /** A nats-server that is too old for Jobico. */
  readonly oldNats: string
}

/** The names of the variables. */
export const CASE_VARIABLES = {
  run: 'E2E_RUN',
  timesFile: 'E2E_TIMES',
  modules: 'E2E_MODULES',
  oldNats: 'E2E_OLD_NATS',
} as const satisfies Record<keyof CaseConfig, string>

/** Reads the settings from run.ts. Throws CONFIG_INVALID when run.ts did not start the case. */
export function caseConfig(environment = process.env): CaseConfig {
  return readEnv(environment, (env) => ({
    run: env.text(CASE_VARIABLES.run),
    timesFile: env.text(CASE_VARIABLES.timesFile),
    modules: env.text(CASE_VARIABLES.modules),
    oldNats: env.text(CASE_VARIABLES.oldNats),
  }))
}

/** The environment of cases: that of this process, with their settings. */
export function caseEnvironment(config: CaseConfig, environment = process.env): NodeJS.ProcessEnv {
  return withVariables(environment, config, CASE_VARIABLES)
}
