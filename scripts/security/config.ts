import { readEnv } from '../../functions/process/env.ts'
import { withVariables } from '../testing/environment.ts'

/** The settings that run.ts gives to the attacks. */
export interface SecurityConfig {
  /** The file to which the attacks add what they have measured, a line of JSON each; undefined: nobody wants to know. */
  readonly resultsFile: string | undefined
  /** How long each kind of hostile connections goes on. */
  readonly seconds: number
  /** How long hostile tenants go on. */
  readonly minutes: number
}

const VARIABLES = {
  resultsFile: 'SECURITY_RESULTS',
  seconds: 'SECURITY_SECONDS',
  minutes: 'SECURITY_MINUTES',
} as const satisfies Record<keyof SecurityConfig, string>

/** The range of each option, and what it is when it is not given; both ends are allowed. */
export const BOUNDS = {
  seconds: { min: 1, max: 3_600, fallback: 2 },
  minutes: { min: 1, max: 24 * 60, fallback: 1 },
} as const

/** Reads the settings from run.ts; without them, an attack is short. Throws CONFIG_INVALID. */
export function securityConfig(environment = process.env): SecurityConfig {
  return readEnv(environment, (env) => ({
    resultsFile: env.optional(VARIABLES.resultsFile),
    seconds: env.integer(VARIABLES.seconds, BOUNDS.seconds),
    minutes: env.integer(VARIABLES.minutes, BOUNDS.minutes),
  }))
}

/** The environment of the attacks: that of this process, with their settings. */
export function securityEnvironment(
  config: SecurityConfig & { readonly resultsFile: string },
  environment = process.env,
): NodeJS.ProcessEnv {
  return withVariables(environment, config, VARIABLES)
}
