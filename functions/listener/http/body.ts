import type { IncomingMessage } from 'node:http'

import { JobicoError } from '../../process/errors.ts'
import { asJobicoError } from './problem.ts'

/** How many bytes of a body that is too large are read and dropped, so that its sender can read the answer. */
const MAX_DRAIN = 16 * 1024 * 1024

/** Memory that a part of a body takes beside its bytes. */
const PART_BYTES = 256
/** Parts below this size are put together, since a body may come in a million parts of one byte. */
const SMALL_PART = 4 * 1024
const BLOCK_BYTES = 16 * 1024
/** After each so many small parts, but for the first, a connection rests, so that it does not take all of the time. */
const PARTS_AT_A_TIME = 500

/** What a body may take of its listener. */
export interface BodyLimits {
  /** Takes memory for the next part. Throws TOO_MANY_REQUESTS. */
  take(bytes: number): void
  /** The body is arriving: `evict` is called, with what to answer, if its memory is given to another. */
  arriving(evict: (error: JobicoError) => void): void
  /** The body is complete. */
  arrived(): void
  /** How long its connection has to rest after so many small parts, in milliseconds. */
  restMs(smallParts: number): number
}

/**
 * Reads the body of a request. Throws TOO_LARGE if it has more than `limit` bytes, REQUEST_INVALID if it ends before it is
 * complete, and what its limits throw.
 */
export function readBody(request: IncomingMessage, limit: number, limits: BodyLimits): Promise<Buffer> {
  const parts = createParts(limits)
  const rest = restOf(request)
  let length = 0
  let small = 0
  return new Promise((resolve, reject) => {
    const fail = (fault: JobicoError) => {
      parts.drop()
      length = Infinity
      reject(fault)
    }
    const keep = (part: Buffer) => {
      try {
        parts.add(part)
      } catch (fault) {
        fail(asJobicoError(fault))
      }
    }
    limits.arriving(fail)
    request.on('data', (part: Buffer) => {
      length += part.length
      if (length <= limit) keep(part)
      else parts.drop()
      if (length > MAX_DRAIN) fail(tooLarge(limit))
      if (part.length < SMALL_PART && ++small % PARTS_AT_A_TIME === 0 && small > PARTS_AT_A_TIME)
        rest(limits.restMs(PARTS_AT_A_TIME))
    })
    request.once('end', () => {
      limits.arrived()
      if (length > limit) fail(tooLarge(limit))
      else resolve(parts.joined())
    })
    request.once('error', (cause) => fail(incomplete(cause)))
    request.once('close', () => fail(incomplete()))
    if (Number(request.headers['content-length']) > MAX_DRAIN) fail(tooLarge(limit))
  })
}

/** Parts of a body. Small ones are copied into blocks, but the first part is kept as it is: mostly there is only one. */
function createParts({ take }: Pick<BodyLimits, 'take'>) {
  let parts: Buffer[] = []
  let block: Buffer | undefined
  let used = 0
  const endBlock = () => {
    if (block !== undefined) parts.push(block.subarray(0, used))
    block = undefined
    used = 0
  }
  return {
    add(part: Buffer) {
      if (parts.length === 0 || part.length >= SMALL_PART) {
        take(part.length + PART_BYTES)
        endBlock()
        parts.push(part)
        return
      }
      if (block === undefined || used + part.length > block.length) {
        take(BLOCK_BYTES + PART_BYTES)
        endBlock()
        block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      }
      used += part.copy(block, used)
    },
    drop() {
      parts = []
      block = undefined
    },
    joined() {
      endBlock()
      const [only] = parts
      return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
    },
  }
}

/** Gives the function that reads no more of a request's connection for some milliseconds. */
function restOf({ socket }: IncomingMessage): (ms: number) => void {
  let until = 0
  let resting = false
  const end = () => {
    const left = until - performance.now()
    resting = left > 0
    if (resting) setTimeout(end, left)
    else socket.resume()
  }
  return (ms) => {
    until = performance.now() + ms
    if (resting) return
    resting = true
    // The request resumes its connection after each part, so this comes after what has been read already.
    setImmediate(() => resting && socket.pause())
    setTimeout(end, ms)
  }
}

function tooLarge(limit: number): JobicoError {
  return new JobicoError('TOO_LARGE', `the body is larger than ${limit} bytes`)
}

function incomplete(cause?: unknown): JobicoError {
  return new JobicoError('REQUEST_INVALID', 'the body ended before it was complete', { cause })
}
