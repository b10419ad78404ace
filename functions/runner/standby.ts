import { runRunner } from './runner-process.ts'

/**
 * The entry of a standby runner: a process that has loaded all that a runner needs, and becomes one when its parent sends it
 * an environment. Only the IPC channel to the parent keeps it alive.
 */
process.once('message', (environment: Readonly<Record<string, string>>) => runRunner(environment))
