// The functions of the runner that a module can call. Everything else of the SDK is plain code inside the module.

// @ts-ignore: decorator
@external('jobico', 'log')
declare function hostLog(level: i32, message: string): void

// @ts-ignore: decorator
@external('jobico', 'reject')
declare function hostReject(reason: string): void

// @ts-ignore: decorator
@external('jobico', 'retry')
declare function hostRetry(afterSeconds: f64, reason: string): void

// @ts-ignore: decorator
@external('jobico', 'env')
declare function hostEnv(name: string): string | null

/** Writes lines to the runner's log, which adds the event's name and key to each. */
export namespace log {
  /** Details for the author of the module. */
  export function debug(message: string): void {
    hostLog(0, message)
  }

  /** What happened. */
  export function info(message: string): void {
    hostLog(1, message)
  }

  /** Something odd that the module could cope with. */
  export function warn(message: string): void {
    hostLog(2, message)
  }

  /** Something that failed. */
  export function error(message: string): void {
    hostLog(3, message)
  }
}

/**
 * Makes the event a dead letter with this reason; no attempt follows. Ends the function at once: write
 * `return reject("…")` in `handle`, and `return reject<T>("…")` in a function that returns a T.
 */
export function reject<T = string | null>(reason: string): T {
  hostReject(reason)
  return unreachable()
}

/**
 * Ends this attempt and asks for another one after that many seconds; with -1, the Job's `retry` decides when. After
 * `maxAttempts` attempts the event becomes a dead letter with this reason. Ends the function at once, like `reject`.
 */
export function retry<T = string | null>(seconds: f64, reason: string): T {
  hostRetry(seconds, reason)
  return unreachable()
}

/** The variable of this name in the Job's `env`, or null. */
export function env(name: string): string | null {
  return hostEnv(name)
}

/** The time of the runner's clock, in milliseconds since 1970-01-01T00:00:00Z. */
export function now(): i64 {
  return Date.now()
}
