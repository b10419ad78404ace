import { runRunner } from '../../functions/runner/process.ts'

/**
 * The entry of a process that has loaded all that a runner needs, and becomes one when it is sent the environment to run
 * with. Nothing but its parent's IPC channel keeps it.
 */
process.once('message', (environment: Readonly<Record<string, string>>) => {
  Object.assign(process.env, environment)
  runRunner()
})
