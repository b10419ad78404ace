import { printable } from '../../dev/output/printable.ts'

/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Shows the progress of a long command. */
export interface Progress {
  /** Replaces the line shown before; calls that come too soon are ignored. */
  show(line: string): void
  /** Ends the progress, and clears its line on a terminal. */
  end(): void
}

const REWRITE_MS = 100
const LINE_MS = 5_000
/** The escape sequence that clears the current line. */
const CLEAR = '\r\u001b[2K'

/**
 * On a terminal, progress is one line that is rewritten. Elsewhere it is a new line every five seconds, and none for a command
 * that ends sooner. `now` is in milliseconds.
 */
export function createProgress(stream: ProgressStream, now: () => number = Date.now): Progress {
  const isTerminal = stream.isTTY === true
  const everyMs = isTerminal ? REWRITE_MS : LINE_MS
  let shownAt = isTerminal ? -Infinity : now()
  let isShown = false
  return {
    show(line) {
      if (now() - shownAt < everyMs) return
      shownAt = now()
      isShown = true
      const shown = printable(line)
      stream.write(isTerminal ? `${CLEAR}${shown}` : `${shown}\n`)
    },
    end() {
      if (isTerminal && isShown) stream.write(CLEAR)
    },
  }
}
