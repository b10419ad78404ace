import { JobicoError } from '../../process/errors.ts'
import { createByteBudget, type ByteBudget } from './byte-budget.ts'

/**
 * Limits what a listener has in flight. A request counts only while it is handled, so that slow senders and slow readers do
 * not keep others out. The memory that these take is limited by bytes.
 */
export interface LoadLimits {
  /**
   * Runs the handler of a request, after a short wait if the most that are allowed run already. Throws TOO_MANY_REQUESTS if
   * they still do then.
   */
  handle<T>(task: () => Promise<T>): Promise<T>
  /** The same for requests that only look, so that they do not keep events out. */
  look<T>(task: () => Promise<T>): Promise<T>
  /** Runs what waits for an outcome; undefined, at once, if the most that are allowed wait already. */
  wait<T>(task: () => Promise<T>): Promise<T | undefined>
  /** How long a connection has to rest, in milliseconds, after so many small parts of a body. */
  restMs(smallParts: number): number
  /** The memory of headers and bodies, from their first byte until their request is answered. */
  readonly requests: ByteBudget
  /** The memory of answers that their clients have not read yet. */
  readonly responses: ByteBudget
}

/** The budget for each request, on average: as much as NATS takes in one message by default. */
const REQUEST_BYTES = 1024 * 1024
const RESPONSE_BYTES = 256 * 1024
/** An event waits so long for its turn: NATS then has 1.5 s, and the client its answer within two. */
const TURN_MS = 500
/** Nobody but those who ask waits longer when many do. */
const LOOK_TURN_MS = 5_000
/**
 * So few, because a turn of the event loop lasts as long as all the answers that are made in it, and events wait for it, too.
 */
const LOOKS_AT_ONCE = 16
/** Of all connections. A part costs a microsecond or two, whatever its size. */
const SMALL_PARTS_PER_SECOND = 100_000

/** Makes the limits of a listener that handles at most `maxInFlight` requests at once, and has as many wait for outcomes. */
export function createLoadLimits(maxInFlight: number): LoadLimits {
  const handled = createSlots(maxInFlight)
  const looks = createSlots(Math.min(maxInFlight, LOOKS_AT_ONCE))
  const waits = createSlots(maxInFlight)
  const inTurn = async <T>(slots: Slots, withinMs: number, task: () => Promise<T>) => {
    if (await slots.take(withinMs)) return await run(slots, task)
    throw tooMany('too many requests are in flight')
  }
  return {
    requests: createByteBudget(maxInFlight * REQUEST_BYTES, tooManyBytes),
    responses: createByteBudget(maxInFlight * RESPONSE_BYTES, tooManyBytes),
    handle: (task) => inTurn(handled, TURN_MS, task),
    look: (task) => inTurn(looks, LOOK_TURN_MS, task),
    wait: async (task) => ((await waits.take(0)) ? await run(waits, task) : undefined),
    restMs: createPace(SMALL_PARTS_PER_SECOND),
  }
}

interface Slots {
  /** Takes a slot, in the order of the calls; false if there is none within this time. */
  take(withinMs: number): Promise<boolean>
  free(): void
}

function createSlots(most: number): Slots {
  /** In the order in which they came. */
  const waiting = new Set<(taken: boolean) => void>()
  let taken = 0
  return {
    async take(withinMs) {
      if (taken < most) {
        taken++
        return true
      }
      if (withinMs === 0) return false
      return await new Promise((resolve) => {
        const settle = (isTaken: boolean) => {
          clearTimeout(timer)
          waiting.delete(settle)
          resolve(isTaken)
        }
        const timer = setTimeout(() => settle(false), withinMs)
        waiting.add(settle)
      })
    },
    free() {
      const [next] = waiting
      if (next === undefined) taken--
      else next(true)
    },
  }
}

async function run<T>(slots: Slots, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } finally {
    slots.free()
  }
}

/** Gives how long, in milliseconds, to wait after `count` pieces of work so that all together are no more than so many a second. */
function createPace(perSecond: number): (count: number) => number {
  let free = 0
  return (count) => {
    const now = performance.now()
    free = Math.max(free, now) + (count / perSecond) * 1_000
    return free - now
  }
}

function tooManyBytes(held: number): JobicoError {
  return tooMany(`requests in flight hold ${held} bytes`)
}

function tooMany(why: string): JobicoError {
  return new JobicoError('TOO_MANY_REQUESTS', `${why}; send again later`)
}
