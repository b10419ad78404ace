/** What is known of a Job after a reconcile. */
export interface Looked {
  /** Nothing about it is wrong, changing, or not known. */
  readonly steady: boolean
  readonly pending: number
  readonly dead: number
}

/** While something moves, or is wrong. */
const SOON_MS = 10_000
/** Dead letters expire, and are purged, without a word. */
const WITH_DEAD_MS = 60_000
/** At rest everything that changes is told: by the API server, by JetStream, by the first event that is stored. */
const AT_REST_MS = 600_000
/** By how much the time at rest is varied, so that a thousand Jobs are not looked at together. */
const SPREAD = 0.2

/** In how many milliseconds a Job is to be looked at again, if nothing is told before. Pure: `random` is from 0 to 1. */
export function nextLookMs({ steady, pending, dead }: Looked, random: number): number {
  if (!steady || pending > 0) return SOON_MS
  const most = dead > 0 ? WITH_DEAD_MS : AT_REST_MS
  return Math.round(most * (1 - SPREAD * random))
}
