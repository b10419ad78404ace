import { setTimeout as delay } from 'node:timers/promises'

import { messageOf } from '../../functions/process/errors.ts'

/** How long and how often to look. */
export interface Patience {
  readonly withinMs?: number
  readonly everyMs?: number
}

const WITHIN_MS = 240_000
const EVERY_MS = 250

/**
 * Calls `look` until it returns something other than undefined and false, and returns that. Throws when that takes too long,
 * with the error that the last `look` threw.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { withinMs = WITHIN_MS, everyMs = EVERY_MS }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look().catch((thrown: unknown) => new Looked(messageOf(thrown)))
    if (seen !== undefined && seen !== false && !(seen instanceof Looked)) return seen
    if (performance.now() > deadline) {
      const last = seen instanceof Looked ? `: ${seen.thrown}` : ''
      throw new Error(`not within ${withinMs / 1_000} s: ${what}${last}`)
    }
    await delay(everyMs)
  }
}

/** Checks again and again that something stays true. Throws at the first `look` that returns false. */
export async function always(
  what: string,
  look: () => Promise<boolean>,
  { withinMs = 10_000, everyMs = EVERY_MS }: Patience = {},
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    if (!(await look())) throw new Error(`no longer: ${what}`)
    await delay(everyMs)
  }
}

class Looked {
  readonly thrown: string

  constructor(thrown: string) {
    this.thrown = thrown
  }
}
