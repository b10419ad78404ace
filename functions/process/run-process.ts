import { createLog, exitAfter, type Log } from './log.ts'

/** What every process is told. */
export interface ProcessConfig {
  /** Whose event it is, where it is one event's. */
  readonly ref?: Readonly<{ namespace: string; job: string; event: string }>
  readonly logLevel: string
}

/**
 * Runs a process: reads its configuration, makes its log, and hands both to `main`. What either throws is logged as fatal,
 * with its message, and ends the process with 1.
 */
export function runProcess<Config extends ProcessConfig>(
  component: string,
  readConfig: () => Config,
  main: (config: Config, log: Log) => Promise<void>,
): void {
  let log = createLog('info', { component })
  const die = (err: unknown) => {
    log.fatal({ err }, 'Could not go on')
    exitAfter(log, 1)
  }
  try {
    const config = readConfig()
    log = createLog(config.logLevel, { component, ...config.ref })
    main(config, log).catch(die)
  } catch (thrown) {
    die(thrown)
  }
}
