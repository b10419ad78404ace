/**
 * What a process knows of an event.
 *
 * - `unknown`: nothing, because it has just begun to follow the event, or the connection to NATS was lost meanwhile.
 * - `active`: messages wait or run. NATS does not say when more come, as that would be told for each of them.
 * - `settling`: nothing was pending at the last look. A message may have come before NATS was asked to tell of new ones, or
 *   may not have reached yet the server that counts; so it takes a second look.
 * - `idle`: nothing is pending, and NATS tells when that changes.
 */
export type Phase = 'unknown' | 'active' | 'settling' | 'idle'

/** The state of an event, and what was last said of it: true while something is pending. */
export interface Activity {
  readonly phase: Phase
  readonly word: boolean | undefined
}

/** Messages of an event at its consumers. */
export interface Pending {
  /** Not delivered yet. */
  readonly waiting: number
  /** Delivered to a runner and not settled. */
  readonly running: number
}

/** What happens to an event: NATS stored a message for it; its messages were counted; NATS came up, anew or again. */
export type Happening = 'wake' | 'up' | Pending

/** The next state of an event, and the word to say, if one is due. */
export interface Step {
  readonly activity: Activity
  readonly say?: boolean
}

/** What is known of an event that nobody has looked at. */
export const NOTHING_KNOWN: Activity = { phase: 'unknown', word: undefined }

/**
 * Decides what a happening means for an event. True is said again, though nothing changed, when KEDA may have missed it (events
 * wait, and no runner has taken any), and at the end of an activity, since KEDA counts the cooldown from the last time.
 */
export function next({ phase, word }: Activity, happening: Happening): Step {
  if (happening === 'up') return { activity: { phase: 'unknown', word } }
  if (happening === 'wake') return active(word !== true)
  const { waiting, running } = happening
  if (waiting + running > 0) return active(word !== true || running === 0)
  if (phase === 'active') return { activity: { phase: 'settling', word }, say: true }
  if (phase === 'unknown') return { activity: { phase: 'settling', word } }
  return { activity: { phase: 'idle', word: false }, ...(word === false ? {} : { say: false }) }
}

function active(mustSay: boolean): Step {
  return { activity: { phase: 'active', word: true }, ...(mustSay ? { say: true } : {}) }
}

/** Whether NATS is to tell of the next message of the event. */
export function listens({ phase }: Activity): boolean {
  return phase !== 'active'
}

/** After how many milliseconds an event in this phase is looked at again. */
export const LOOK_AFTER_MS: Readonly<Record<Phase, number>> = {
  unknown: 0,
  active: 5_000,
  settling: 2_000,
  // In case a word of NATS was lost, as it is sent once and kept nowhere.
  idle: 300_000,
}
/** How long after a look that failed the next one is, if it would be sooner otherwise. */
export const RETRY_AFTER_MS = 2_000
