import type { LogLevel } from './abi.ts'

/** The maximum number of lines of one execution, and the maximum length of a line in bytes of UTF-8. */
export const MAX_LINES = 200
export const MAX_LINE_BYTES = 4096

/** Forwards the lines that a guest logs, within the limits of one execution. */
export interface LogLimit {
  /** Restarts the count, for the next execution. */
  reset(): void
  /** Forwards a line, cut to MAX_LINE_BYTES. After MAX_LINES lines, one line says that the others are dropped. */
  log(level: LogLevel, message: string): void
}

/** Makes a log limit that forwards to `sink`. */
export function createLogLimit(sink: (level: LogLevel, message: string) => void): LogLimit {
  const scratch = new Uint8Array(MAX_LINE_BYTES)
  const encoder = new TextEncoder()
  let lines = 0
  return {
    reset() {
      lines = 0
    },
    log(level, message) {
      lines += 1
      if (lines === MAX_LINES + 1)
        sink('warn', `more than ${MAX_LINES} lines were logged; the others are dropped`)
      if (lines > MAX_LINES) return
      const { read } = encoder.encodeInto(message, scratch)
      sink(level, read < message.length ? `${message.slice(0, read)}…` : message)
    },
  }
}
