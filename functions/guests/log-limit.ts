import type { LogLevel } from './abi.ts'

/** The most lines that one execution may log, and the most bytes of UTF-8 of a line. */
export const MAX_LINES = 200
export const MAX_LINE_BYTES = 4096

/** Passes on what a guest logs, within the limits of an execution. */
export interface LogLimit {
  /** Starts counting anew, for the next execution. */
  reset(): void
  /** Passes a line on, cut to LINE_BYTES. After LINES of them, one line says that more was dropped. */
  log(level: LogLevel, message: string): void
}

/** A limit in front of `sink`. */
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
