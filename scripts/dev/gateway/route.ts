import { setTimeout as delay } from 'node:timers/promises'

/** How long a request waits for a listener that is starting. */
const HOLD_MS = 5_000
/** How long the listener before gets to answer what it has. */
const DRAIN_MS = 2_000

/** The port that a request goes to, until it is released. */
export interface Hold {
  readonly port: number
  readonly release: () => void
}

/** Where the requests of one event go. */
export interface Route {
  /** Sends later requests to a port, or lets them wait; resolves when the port before has no request left, or after DRAIN_MS. */
  point(port: number | undefined): Promise<void>
  /** The port for a request, once there is one; undefined after HOLD_MS. */
  take(): Promise<Hold | undefined>
}

interface Target {
  readonly port: number
  underWay: number
  readonly drained: PromiseWithResolvers<undefined>
  replaced: boolean
}

/** A route that leads nowhere yet. */
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
      if (before.underWay > 0)
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
  return { port, underWay: 0, drained: Promise.withResolvers<undefined>(), replaced: false }
}

function hold(target: Target): Hold {
  target.underWay++
  return {
    port: target.port,
    release() {
      target.underWay--
      if (target.replaced && target.underWay === 0) target.drained.resolve(undefined)
    },
  }
}
