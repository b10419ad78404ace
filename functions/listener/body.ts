import type { IncomingMessage } from 'node:http'

import { JobicoError } from '../shared/errors.ts'
import { asJobicoError } from './problem.ts'

/** How much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const MAX_DRAIN = 16 * 1024 * 1024

/**
 * Reads the body of a request; `take` is told of each part before it is held, and may throw. Throws TOO_LARGE when it has
 * more than `limit` bytes, and REQUEST_INVALID when it ends before it is complete.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const refuse = () => reject(tooLarge(limit))
    const hold = (chunk: Buffer) => {
      try {
        take(chunk.length)
        chunks.push(chunk)
      } catch (fault) {
        length = Infinity
        reject(asJobicoError(fault))
      }
    }
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) hold(chunk)
      else chunks.length = 0
      if (length > MAX_DRAIN) refuse()
    })
    request.once('end', () => {
      if (length > limit) refuse()
      else resolve(Buffer.concat(chunks))
    })
    request.once('error', (cause) => reject(incomplete(cause)))
    request.once('close', () => reject(incomplete()))
    if (Number(request.headers['content-length']) > MAX_DRAIN) refuse()
  })
}

function tooLarge(limit: number): JobicoError {
  return new JobicoError('TOO_LARGE', `the body is larger than ${limit} bytes`)
}

function incomplete(cause?: unknown): JobicoError {
  return new JobicoError('REQUEST_INVALID', 'the body ended before it was complete', { cause })
}
