import { setTimeout as delay } from 'node:timers/promises'

/** How long a request waits for a listener that is starting. */
const HOLD_MS = 5_000
/** How long the previous listener gets to answer its requests. */
const DRAIN_MS = 2_000

/** The port for one request, in use until it is released. */
export interface Hold {
  readonly port: number
  readonly release: () => void
}

/** The route of one event's requests. */
export interface Route {
  /**
   * Sends later requests to a port; without one they wait. Resolves when the previous port has no requests left, or after
   * DRAIN_MS.
   */
  point(port: number | undefined): Promise<void>
  /** Waits for a port, and takes it for one request; undefined if there is none within HOLD_MS. */
  take(): Promise<Hold | undefined>
}

interface Target {
  readonly port: number
  inFlight: number
  readonly drained: PromiseWithResolvers<undefined>
  replaced: boolean
}

/** Creates a route that has no port yet. */
export function createRoute(): Route {
  let target: Target | undefined
  let arrival = Promise.withResolvers<undefined>()
  return {
    async point(port) {
      const before = target
      target = port === undefined ? undefined : newTarget(port)
      if (target !== undefined) {
        arrival.resolve(undefined)
        arrival = Promise.withResolvers<undefined>()
      }
      if (before === undefined) return
      before.replaced = true
      if (before.inFlight > 0)
        await Promise.race([before.drained.promise, delay(DRAIN_MS, undefined, { ref: false })])
    },
    async take() {
      if (target === undefined)
        await Promise.race([arrival.promise, delay(HOLD_MS, undefined, { ref: false })])
      return target && hold(target)
    },
  }
}

function newTarget(port: number): Target {
  return { port, inFlight: 0, drained: Promise.withResolvers<undefined>(), replaced: false }
}

function hold(target: Target): Hold {
  target.inFlight++
  return {
    port: target.port,
    release() {
      target.inFlight--
      if (target.replaced && target.inFlight === 0) target.drained.resolve(undefined)
    },
  }
}
