import { pino, stdTimeFunctions, type Logger } from 'pino'

/** Structured log lines as JSON on standard output. */
export type Log = Logger

/**
 * Makes the log of a process. Every line carries `fields`; levels are names and times are RFC 3339, as cluster log
 * collectors expect. Lines are written when 4 KiB have gathered, and at the latest after 100 ms, which keeps logging cheap.
 */
export function createLog(level: string, fields: Readonly<Record<string, string>>): Log {
  return pino(
    {
      level,
      base: fields,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    logDestination(),
  )
}

/** How long a process that ends waits for its last lines to be written. */
const FLUSH_LIMIT_MS = 500

/** Ends this process once the log is written, or after FLUSH_LIMIT_MS: a pipe that nobody reads is never flushed. */
export function exitAfter(log: Log, code: number): void {
  const exit = () => process.exit(code)
  log.flush(exit)
  setTimeout(exit, FLUSH_LIMIT_MS)
}

const FLUSH_EVERY_MS = 100

/** Standard output. The timer runs only after a line: a machine may have many processes that are idle. */
function logDestination() {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 4096 })
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    destination.flush()
  }
  return {
    write(line: string) {
      destination.write(line)
      timer ??= setTimeout(flush, FLUSH_EVERY_MS).unref()
    },
    // Twice: what was logged while the last write ran is left by the first. At exit it would be written until it goes, which
    // is never when the reader has gone.
    flush: (done?: (fault?: Error) => void) => destination.flush(() => destination.flush(done)),
  }
}
