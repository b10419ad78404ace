import { readEnv } from '../../functions/process/env.ts'
import { withVariables } from '../testing/environment.ts'

/** The settings that run.ts gives to the cases. */
export interface FaultsConfig {
  /** The seed of all random numbers. */
  readonly seed: number
  /** How long a random schedule of faults lasts. */
  readonly minutes: number
  /** How many nats-servers there are: one alone, or a cluster of three. */
  readonly servers: number
  /** The file to which the cases add their results, a line of JSON each. */
  readonly resultsFile: string
  /** The module that does what an event asks for. */
  readonly module: string
  /** The path of the library that gives a process another clock. */
  readonly faketime: string
  /** The path of the program that slows down the system calls of another one. */
  readonly strace: string
  /** The path of a library that strace needs. */
  readonly unwind: string
}

const VARIABLES = {
  seed: 'FAULTS_SEED',
  minutes: 'FAULTS_MINUTES',
  servers: 'FAULTS_SERVERS',
  resultsFile: 'FAULTS_RESULTS',
  module: 'FAULTS_MODULE',
  faketime: 'FAULTS_FAKETIME',
  strace: 'FAULTS_STRACE',
  unwind: 'FAULTS_UNWIND',
} as const satisfies Record<keyof FaultsConfig, string>

/** The range of each option; both ends are allowed. */
export const BOUNDS = {
  seed: { min: 0, max: 2 ** 31 },
  minutes: { min: 1, max: 24 * 60 },
  servers: { min: 1, max: 3 },
} as const

/** Reads the settings from run.ts. Throws CONFIG_INVALID when run.ts did not start the case. */
export function faultsConfig(environment = process.env): FaultsConfig {
  return readEnv(environment, (env) => ({
    seed: env.integer(VARIABLES.seed, BOUNDS.seed),
    minutes: env.integer(VARIABLES.minutes, BOUNDS.minutes),
    servers: env.integer(VARIABLES.servers, BOUNDS.servers),
    resultsFile: env.text(VARIABLES.resultsFile),
    module: env.text(VARIABLES.module),
    faketime: env.text(VARIABLES.faketime),
    strace: env.text(VARIABLES.strace),
    unwind: env.text(VARIABLES.unwind),
  }))
}

/** The environment of cases: that of this process, with their settings. */
export function faultsEnvironment(config: FaultsConfig, environment = process.env): NodeJS.ProcessEnv {
  return withVariables(environment, config, VARIABLES)
}

/** Reads the settings of the case on the test cluster; by default seed 1 and one minute. Throws CONFIG_INVALID. */
export function clusterConfig(environment = process.env): Pick<FaultsConfig, 'seed' | 'minutes'> {
  return readEnv(environment, (env) => ({
    seed: env.integer(VARIABLES.seed, { ...BOUNDS.seed, fallback: 1 }),
    minutes: env.integer(VARIABLES.minutes, { ...BOUNDS.minutes, fallback: 1 }),
  }))
}

/** The environment of the case on the test cluster, which needs only these two settings. */
export function clusterEnvironment(
  { seed, minutes }: Pick<FaultsConfig, 'seed' | 'minutes'>,
  environment = process.env,
): NodeJS.ProcessEnv {
  return { ...environment, [VARIABLES.seed]: String(seed), [VARIABLES.minutes]: String(minutes) }
}
