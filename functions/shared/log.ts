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

function logDestination() {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 4096 })
  setInterval(() => destination.flush(), 100).unref()
  return destination
}
