/** Why a part of a Job is not as it should be: a word for programs, and for people what is wrong and how to mend it. */
export interface Fault {
  /** Unknown where it can't be told yet, or mends by itself. */
  readonly status: 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** What a Job refers to, looked up and checked. */
export interface Resolved<T> {
  /** What the pods are given: the new version where it is good, else the one that served before, if any did. */
  readonly serves: T | undefined
  readonly fault: Fault | undefined
}

/** A fault that a user mends. */
export function wrong(reason: string, message: string): Fault {
  return { status: 'False', reason, message }
}

/** A fault that is waited for. */
export function unsure(reason: string, message: string): Fault {
  return { status: 'Unknown', reason, message }
}

/** What was looked up is bad: what served before, if anything did, goes on. */
export function keepServing<T>(fault: Fault, before: T | undefined): Resolved<T> {
  if (before === undefined) return { serves: undefined, fault }
  return { serves: before, fault: { ...fault, message: `${fault.message}; the version before serves on` } }
}
