import { createLog, exitAfter, type Log } from './log.ts'

/** The configuration that every process has. */
export interface ProcessConfig {
  /** The event that the process serves, if it serves one only. */
  readonly ref?: Readonly<{ namespace: string; job: string; event: string }>
  readonly logLevel: string
}

/**
 * Runs a process: reads its configuration, creates its log, and calls `main` with both. If either throws, the error is
 * logged as fatal and the process ends with exit code 1.
 */
export function runProcess<Config extends ProcessConfig>(
  component: string,
  readConfig: () => Config,
  main: (config: Config, log: Log) => Promise<void>,
): void {
  let log = createLog('info', { component })
  const fail = (err: unknown) => {
    log.fatal({ err }, 'Could not go on')
    exitAfter(log, 1)
  }
  try {
    const config = readConfig()
    log = createLog(config.logLevel, { component, ...config.ref })
    main(config, log).catch(fail)
  } catch (thrown) {
    fail(thrown)
  }
}
