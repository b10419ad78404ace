// What a module can ask of its runner. Everything else of the SDK is plain code inside the module.

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

/** Lines in the runner's log, with the event's name and key added to each. */
export namespace log {
  /** For whoever writes the module. */
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
 * Ends the execution for good: the event becomes a dead letter with this reason, and no attempt follows. Never returns;
 * `return reject("…")` fits in `handle`, and `reject<T>("…")` wherever a T is due.
 */
export function reject<T = string | null>(reason: string): T {
  hostReject(reason)
  return unreachable()
}

/**
 * Ends this attempt and asks for another one after so many seconds or, with -1, when the Job's `retry` says. After
 * `maxAttempts` the event becomes a dead letter with this reason. Never returns; see `reject`.
 */
export function retry<T = string | null>(seconds: f64, reason: string): T {
  hostRetry(seconds, reason)
  return unreachable()
}

/** The value that the Job's `env` gives to this name, or null. */
export function env(name: string): string | null {
  return hostEnv(name)
}

/** The time by the clock of the runner, in milliseconds since 1970-01-01T00:00:00Z. */
export function now(): i64 {
  return Date.now()
}
