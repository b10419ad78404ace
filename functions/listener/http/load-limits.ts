import { JobicoError } from '../../process/errors.ts'
import { createByteBudget, type ByteBudget } from './byte-budget.ts'

/**
 * Limits what a listener has in flight. A request counts only while it is handled, so that slow senders and slow readers do
 * not keep others out. The memory that these take is limited by bytes.
 */
export interface LoadLimits {
  /** Runs the handler of a request. Throws TOO_MANY_REQUESTS if the most that are allowed run already. */
  handle<T>(task: () => Promise<T>): Promise<T>
  /** The same for requests that only look, so that they do not keep events out. */
  look<T>(task: () => Promise<T>): Promise<T>
  /** Runs what waits for an outcome; undefined if the most that are allowed wait already. */
  wait<T>(task: () => Promise<T>): Promise<T | undefined>
  /** The memory of headers and bodies, from their first byte until their request is answered. */
  readonly requests: ByteBudget
  /** The memory of answers that their clients have not read yet. */
  readonly responses: ByteBudget
}

/** The budget for each request, on average: as much as NATS takes in one message by default. */
const REQUEST_BYTES = 1024 * 1024
const RESPONSE_BYTES = 256 * 1024

/** Makes the limits of a listener that handles at most `maxInFlight` requests at once, and as many looks and waits. */
export function createLoadLimits(maxInFlight: number): LoadLimits {
  const [handled, looks, waits] = [
    createSlots(maxInFlight),
    createSlots(maxInFlight),
    createSlots(maxInFlight),
  ]
  const refuse = () => {
    throw tooMany(`${maxInFlight} requests are in flight`)
  }
  return {
    requests: createByteBudget(maxInFlight * REQUEST_BYTES, tooManyBytes),
    responses: createByteBudget(maxInFlight * RESPONSE_BYTES, tooManyBytes),
    handle: async (task) => (handled.isFull() ? refuse() : await handled.run(task)),
    look: async (task) => (looks.isFull() ? refuse() : await looks.run(task)),
    wait: async (task) => (waits.isFull() ? undefined : await waits.run(task)),
  }
}

/** So many tasks may run at once. */
function createSlots(most: number) {
  let taken = 0
  return {
    isFull: () => taken >= most,
    async run<T>(task: () => Promise<T>): Promise<T> {
      taken++
      try {
        return await task()
      } finally {
        taken--
      }
    },
  }
}

function tooManyBytes(held: number): JobicoError {
  return tooMany(`requests in flight hold ${held} bytes`)
}

function tooMany(why: string): JobicoError {
  return new JobicoError('TOO_MANY_REQUESTS', `${why}; send again later`)
}
