import type { IncomingMessage } from 'node:http'

import { JobicoError } from '../../process/errors.ts'
import { asJobicoError } from './problem.ts'

/** How many bytes of a body that is too large are read and dropped, so that its sender can read the answer. */
const MAX_DRAIN = 16 * 1024 * 1024

/** Memory that a part of a body takes beside its bytes: a body may come in a million parts of one byte. */
const PART_BYTES = 256

/**
 * Reads the body of a request. Before it keeps a part, it calls `take` with the memory that the part needs; `take` may
 * throw. Throws TOO_LARGE if the body has more than `limit` bytes, and REQUEST_INVALID if it ends before it is complete.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  take: (bytes: number) => void,
): Promise<Buffer> {
  let parts: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const fail = (fault: JobicoError) => {
      parts = []
      length = Infinity
      reject(fault)
    }
    const keep = (part: Buffer) => {
      try {
        take(part.length + PART_BYTES)
        parts.push(part)
      } catch (fault) {
        fail(asJobicoError(fault))
      }
    }
    request.on('data', (part: Buffer) => {
      length += part.length
      if (length <= limit) keep(part)
      else parts = []
      if (length > MAX_DRAIN) fail(tooLarge(limit))
    })
    request.once('end', () => {
      if (length > limit) fail(tooLarge(limit))
      else resolve(Buffer.concat(parts))
    })
    request.once('error', (cause) => fail(incomplete(cause)))
    request.once('close', () => fail(incomplete()))
    if (Number(request.headers['content-length']) > MAX_DRAIN) fail(tooLarge(limit))
  })
}

function tooLarge(limit: number): JobicoError {
  return new JobicoError('TOO_LARGE', `the body is larger than ${limit} bytes`)
}

function incomplete(cause?: unknown): JobicoError {
  return new JobicoError('REQUEST_INVALID', 'the body ended before it was complete', { cause })
}
