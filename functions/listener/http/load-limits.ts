import type { ServerResponse } from 'node:http'

import { JobicoError } from '../../process/errors.ts'

/**
 * What a listener has in hand at once. Requests count only while they are handled, so that those that arrive slowly, and
 * answers that are read slowly, keep nobody out; what these hold in memory is bounded by bytes.
 */
export interface LoadLimits {
  /** Handles a request. Throws TOO_MANY_REQUESTS when as many as may be are handled. */
  handle<T>(task: () => Promise<T>): Promise<T>
  /** What bodies take, from their first byte until their request is answered. */
  readonly bodies: ByteBudget
  /** What answers take that their clients have not read yet. */
  readonly responses: ByteBudget
}

/** A number of bytes that exchanges share. */
export interface ByteBudget {
  /** Takes bytes until the exchange is over. Throws TOO_MANY_REQUESTS when there is no room for them. */
  take(bytes: number, response: ServerResponse): void
}

/** What a request may take by way of its body, on average: as much as NATS takes in one message by default. */
const BODY_BYTES = 1024 * 1024
const RESPONSE_BYTES = 256 * 1024

/** Makes the account of a listener that handles so many requests at once. */
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
