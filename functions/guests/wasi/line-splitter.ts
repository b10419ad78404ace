import { MAX_LINE_BYTES } from '../log-limit.ts'

/** Splits a stream of bytes into lines. */
export interface LineSplitter {
  write(bytes: Uint8Array): void
  /** Gives the last line, if it has no newline. */
  end(): void
}

const NEWLINE = 0x0a
const DECODER = new TextDecoder()
/** One byte more than a line may have, so that the log limit sees that the line has to be cut. */
const KEPT_BYTES = MAX_LINE_BYTES + 1

/** Makes a splitter. `onLine` gets each line of UTF-8, without its newline; of a long line, only the start. */
export function lineSplitter(onLine: (line: string) => void): LineSplitter {
  let kept: Uint8Array[] = []
  let size = 0

  const keep = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, KEPT_BYTES - size)
    if (part.length === 0) return
    // A copy: a view would keep all that was written, which may be as large as the guest's memory.
    kept.push(part.slice())
    size += part.length
  }
  const endLine = () => {
    const line = DECODER.decode(Buffer.concat(kept))
    kept = []
    size = 0
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
  }
  return {
    write(bytes) {
      let start = 0
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, start)) {
        keep(bytes.subarray(start, at))
        endLine()
        start = at + 1
      }
      keep(bytes.subarray(start))
    },
    end() {
      if (size > 0) endLine()
    },
  }
}
