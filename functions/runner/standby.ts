import { runRunner } from './runner-process.ts'

/**
 * The entry of a process that has loaded all that a runner needs, and becomes one when its parent sends it the environment
 * to run with. Nothing but the parent's IPC channel keeps it.
 */
process.once('message', (environment: Readonly<Record<string, string>>) => runRunner(environment))
