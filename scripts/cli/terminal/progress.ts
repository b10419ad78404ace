/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Shows how far a long work is. */
export interface Progress {
  /** Shows a line in place of the one before; not each time it is called. */
  show(line: string): void
  /** The work is over: what was shown goes where it can. */
  end(): void
}

const REWRITE_MS = 100
const LINE_MS = 5_000
/** Goes to the start of the line and empties it. */
const CLEAR = '\r\u001b[2K'

/**
 * Shows progress on a terminal as one line that is rewritten, and elsewhere as a line every five seconds. What takes less
 * than that is not shown there. `now` is in milliseconds.
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
      stream.write(isTerminal ? `${CLEAR}${line}` : `${line}\n`)
    },
    end() {
      if (isTerminal && isShown) stream.write(CLEAR)
    },
  }
}
