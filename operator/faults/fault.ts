/** A fault of a part of a Job: a reason for programs, and a message that says what is wrong and how to fix it. */
export interface Fault {
  /** `False` when somebody has to fix it; `Unknown` when it is not known yet, or resolves by itself. */
  readonly status: 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** Something that a Job refers to, looked up and checked. */
export interface Resolved<T> {
  /** What the pods use: the new version if it is valid, else the version that served before, if there is one. */
  readonly serves: T | undefined
  readonly fault: Fault | undefined
}

/** A fault that somebody has to fix: status `False`. */
export function wrong(reason: string, message: string): Fault {
  return { status: 'False', reason, message }
}

/** A fault that may resolve by itself: status `Unknown`. */
export function unsure(reason: string, message: string): Fault {
  return { status: 'Unknown', reason, message }
}

/** The result for a new version with a fault: the earlier version, if there is one, keeps serving; the message says so. */
export function keepServing<T>(fault: Fault, earlier: T | undefined): Resolved<T> {
  if (earlier === undefined) return { serves: undefined, fault }
  return {
    serves: earlier,
    fault: { ...fault, message: `${fault.message}; the earlier version keeps serving` },
  }
}
