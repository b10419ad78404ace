import { readEnv } from '../../functions/process/env.ts'
import { withTold } from '../testing/told.ts'

/** What run.ts tells the cases. */
export interface FaultsConfig {
  /** What everything that looks random comes from. */
  readonly seed: number
  /** How long a random schedule goes on. */
  readonly minutes: number
  /** The file that results are added to, a line of JSON each. */
  readonly resultsFile: string
  /** The module that does what an event asks for. */
  readonly module: string
  /** The library that gives a process another clock. */
  readonly faketime: string
  /** The program that slows down what another one asks of the kernel. */
  readonly strace: string
  /** A library that it needs. */
  readonly unwind: string
}

const VARIABLES = {
  seed: 'FAULTS_SEED',
  minutes: 'FAULTS_MINUTES',
  resultsFile: 'FAULTS_RESULTS',
  module: 'FAULTS_MODULE',
  faketime: 'FAULTS_FAKETIME',
  strace: 'FAULTS_STRACE',
  unwind: 'FAULTS_UNWIND',
} as const satisfies Record<keyof FaultsConfig, string>

/** What may be chosen; both ends are allowed. */
export const BOUNDS = {
  seed: { min: 0, max: 2 ** 31 },
  minutes: { min: 1, max: 24 * 60 },
} as const

/** Reads what run.ts tells. Throws CONFIG_INVALID where a case was not started by it. */
export function faultsConfig(environment = process.env): FaultsConfig {
  return readEnv(environment, (env) => ({
    seed: env.integer(VARIABLES.seed, BOUNDS.seed),
    minutes: env.integer(VARIABLES.minutes, BOUNDS.minutes),
    resultsFile: env.text(VARIABLES.resultsFile),
    module: env.text(VARIABLES.module),
    faketime: env.text(VARIABLES.faketime),
    strace: env.text(VARIABLES.strace),
    unwind: env.text(VARIABLES.unwind),
  }))
}

/** The environment of cases: that of this process, and what they are told. */
export function faultsEnvironment(config: FaultsConfig, environment = process.env): NodeJS.ProcessEnv {
  return withTold(environment, config, VARIABLES)
}

/** What the case on the test cluster is told; seed 1 for a minute where nothing is. Throws CONFIG_INVALID. */
export function clusterConfig(environment = process.env): Pick<FaultsConfig, 'seed' | 'minutes'> {
  return readEnv(environment, (env) => ({
    seed: env.integer(VARIABLES.seed, { ...BOUNDS.seed, fallback: 1 }),
    minutes: env.integer(VARIABLES.minutes, { ...BOUNDS.minutes, fallback: 1 }),
  }))
}

/** The environment of the case on the test cluster, which is told less. */
export function clusterEnvironment(
  { seed, minutes }: Pick<FaultsConfig, 'seed' | 'minutes'>,
  environment = process.env,
): NodeJS.ProcessEnv {
  return { ...environment, [VARIABLES.seed]: String(seed), [VARIABLES.minutes]: String(minutes) }
}
