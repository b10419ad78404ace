import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

const STDOUT = 1
const POLL_MS = 500

/**
 * Ends the process without a message when nobody reads its output any more, as in `jobico status | head -1`. It ends with 0,
 * as one that has said enough, or with the exit code that is set already.
 */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (fault: NodeJS.ErrnoException) => {
      if (fault.code !== 'EPIPE') throw fault
      // Later, so that an error which follows from the command itself can still set the exit code.
      setImmediate(() => process.exit())
    })
}

/**
 * Aborts when the process at the other end of a pipe has ended, though nothing is written to it. Node can not tell; so on
 * Linux it looks who has the pipe open. Elsewhere the next line that is written ends the process.
 */
export function readerGone(): AbortSignal {
  const gone = new AbortController()
  if (process.platform !== 'linux' || !fstatSync(STDOUT).isFIFO()) return gone.signal
  const pipe = readlinkSync(`/proc/self/fd/${STDOUT}`)
  let reader = findReader(pipe)
  const timer = setInterval(() => {
    if (reader !== undefined && isReader(reader, pipe)) return
    const next = findReader(pipe)
    // A reader of another user can not be seen, so only one that was seen before can be gone.
    if (reader !== undefined && next === undefined) {
      clearInterval(timer)
      gone.abort()
    }
    reader = next
  }, POLL_MS)
  timer.unref()
  return gone.signal
}

/** The first process that reads a pipe, and its file descriptor, such as `123/fd/0`. */
function findReader(pipe: string): string | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const fd = descriptorsOf(pid).find((each) => isReader(`${pid}/fd/${each}`, pipe))
    if (fd !== undefined) return `${pid}/fd/${fd}`
  }
  return undefined
}

function descriptorsOf(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return [] // it has ended, or is of another user
  }
}

function isReader(descriptor: string, pipe: string): boolean {
  try {
    if (readlinkSync(`/proc/${descriptor}`) !== pipe) return false
    const [, flags = '1'] =
      /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${descriptor.replace('/fd/', '/fdinfo/')}`, 'utf8')) ?? []
    return (Number.parseInt(flags, 8) & 3) === 0 // O_RDONLY
  } catch {
    return false
  }
}
