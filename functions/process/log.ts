import { pino, stdTimeFunctions, type Logger } from 'pino'

/** Structured log lines as JSON on standard output. */
export type Log = Logger

/**
 * Makes the log of a process. Every line carries `fields`; levels are names and times are RFC 3339, as cluster log
 * collectors expect. Lines are written in blocks of up to 4 KiB or every 100 ms, so that logging costs a busy process little.
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

/** How long the end of a process waits for its last lines. */
const LAST_LINES_MS = 500

/** Ends this process when the log is written; soon all the same where nobody reads it any more, as a pipe's flush then never ends. */
export function exitAfter(log: Log, code: number): void {
  const exit = () => process.exit(code)
  log.flush(exit)
  setTimeout(exit, LAST_LINES_MS)
}

function logDestination() {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 4096 })
  setInterval(() => destination.flush(), 100).unref()
  return destination
}
