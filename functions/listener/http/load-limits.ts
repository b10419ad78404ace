import type { ServerResponse } from 'node:http'

import { JobicoError } from '../../process/errors.ts'

/**
 * Limits what a listener has in flight. A request counts only while it is handled, so that slow senders and slow readers do
 * not keep others out. The memory that these take is limited by bytes.
 */
export interface LoadLimits {
  /** Runs the handler of a request. Throws TOO_MANY_REQUESTS if the most that are allowed run already. */
  handle<T>(task: () => Promise<T>): Promise<T>
  /** The memory of bodies, from their first byte until their request is answered. */
  readonly bodies: ByteBudget
  /** The memory of answers that their clients have not read yet. */
  readonly responses: ByteBudget
}

/** A number of bytes that all exchanges share. */
export interface ByteBudget {
  /** Takes bytes until the exchange is over. Throws TOO_MANY_REQUESTS if fewer are left. */
  take(bytes: number, response: ServerResponse): void
}

/** The budget for each request's body, on average: as much as NATS takes in one message by default. */
const BODY_BYTES = 1024 * 1024
const RESPONSE_BYTES = 256 * 1024

/** Makes the limits of a listener that handles at most `maxInFlight` requests at once. */
export function createLoadLimits(maxInFlight: number): LoadLimits {
  let inFlight = 0
  return {
    bodies: createByteBudget(maxInFlight * BODY_BYTES),
    responses: createByteBudget(maxInFlight * RESPONSE_BYTES),
    async handle(task) {
      if (inFlight >= maxInFlight) throw tooMany(`${maxInFlight} requests are in flight`)
      inFlight++
      try {
        return await task()
      } finally {
        inFlight--
      }
    },
  }
}

function createByteBudget(limit: number): ByteBudget {
  const held = new WeakMap<ServerResponse, number>()
  let taken = 0
  return {
    take(bytes, response) {
      if (response.destroyed) return
      if (taken + bytes > limit) throw tooMany(`requests in flight hold ${taken} bytes`)
      taken += bytes
      const before = held.get(response)
      held.set(response, (before ?? 0) + bytes)
      if (before === undefined) response.once('close', () => (taken -= held.get(response) ?? 0))
    },
  }
}

function tooMany(why: string): JobicoError {
  return new JobicoError('TOO_MANY_REQUESTS', `${why}; send again later`)
}
