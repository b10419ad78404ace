import { homedir } from 'node:os'
import { join } from 'node:path'

/** The settings that the test runner reads from its environment. */
export interface TestingConfig {
  /** Whether this runs in CI, where a test that can't run is a failure. */
  readonly isCi: boolean
  /** The folder that scripts/cluster/build builds into. */
  readonly clusterCache: string
  /** The environment of the tests. */
  readonly environment: NodeJS.ProcessEnv
}

/** Reads `CI`, `CLUSTER_CACHE` and `XDG_CACHE_HOME`. */
export function testingConfig(environment = process.env): TestingConfig {
  const { CI = '', CLUSTER_CACHE, XDG_CACHE_HOME } = environment
  return {
    isCi: CI !== '' && CI !== 'false',
    clusterCache: CLUSTER_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'jobico-cluster'),
    environment,
  }
}
