import { MAX_LINE_BYTES } from '../log-limit.ts'

/** Makes lines of what comes in parts. */
export interface LineSplitter {
  write(bytes: Uint8Array): void
  /** Gives what was not ended by a newline. */
  end(): void
}

const NEWLINE = 0x0a
const DECODER = new TextDecoder()
/** One byte more than is shown of a line, so that it is seen to be cut. */
const KEPT_BYTES = MAX_LINE_BYTES + 1

/** Gives each line of UTF-8 to `take`, without its end; of a long one only the start is kept. */
export function lineSplitter(take: (line: string) => void): LineSplitter {
  let kept: Uint8Array[] = []
  let size = 0

  const keep = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, KEPT_BYTES - size)
    if (part.length === 0) return
    kept.push(part)
    size += part.length
  }
  const give = () => {
    const line = DECODER.decode(Buffer.concat(kept))
    kept = []
    size = 0
    take(line.endsWith('\r') ? line.slice(0, -1) : line)
  }
  return {
    write(bytes) {
      let start = 0
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, start)) {
        keep(bytes.subarray(start, at))
        give()
        start = at + 1
      }
      keep(bytes.subarray(start))
    },
    end() {
      if (size > 0) give()
    },
  }
}
