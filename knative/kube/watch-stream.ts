import type { IncomingMessage } from 'node:http'

import type { Access } from './access.ts'
import { KubeError, type WatchEvent } from './client.ts'
import { MOST_BYTES, networkFault, tooLarge, unreachable } from './http.ts'

/** A watch is taken as broken after this time without an event: the server sends a bookmark about every minute. */
const SILENCE_MS = 75_000

interface RawEvent<T> {
  readonly type: WatchEvent<T>['type'] | 'ERROR'
  readonly object: T
}

interface Status {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
}

/**
 * Reads the events from the body of a watch. Ends when the server ends it, when the signal aborts, and when nothing comes
 * for 75 s. Throws KubeError for an error event of the server, and when the connection breaks. Destroys the body at its end.
 */
export async function* watchEvents<T>(
  access: Access,
  body: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>, void> {
  const over = new AbortController()
  const end = () => {
    over.abort()
    body.destroy()
  }
  const silence = setTimeout(end, SILENCE_MS)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    for await (const line of lines(body)) {
      silence.refresh()
      yield eventOf<T>(line)
    }
  } catch (fault) {
    if (fault instanceof KubeError) throw fault
    if (!over.signal.aborted) throw unreachable(access, networkFault(fault), fault)
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', end)
    body.destroy()
  }
}

/** The complete lines of a body; text after the last newline is dropped. Throws KubeError for a line of more than 16 MiB. */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
      parts.push(chunk.subarray(start, end))
      yield Buffer.concat(parts).toString()
      parts = []
      bytes = 0
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
    bytes += chunk.length - start
    if (bytes > MOST_BYTES) throw tooLarge()
  }
}

function eventOf<T>(line: string): WatchEvent<T> {
  const { type, object } = JSON.parse(line) as RawEvent<T>
  if (type !== 'ERROR') return { type, object }
  const { code = 500, reason = 'InternalError', message = 'the watch ended with an error' } = object as Status
  throw new KubeError(message, code, reason)
}
