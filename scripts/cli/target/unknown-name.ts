import type { EventRef } from '../../../functions/queues/names.ts'
import { closest } from '../../../schemas/closest.ts'

const MOST_NAMES = 20

/** A name that was sought, and those that there are. */
export interface SoughtName {
  readonly what: 'event' | 'Job'
  readonly name: string
  readonly known: readonly string[]
  /** Where it was sought. */
  readonly place: string
}

/** Says that there is nothing of a name, what may have been meant, and what there is. Pure. */
export function unknownName({ what, name, known, place }: SoughtName): string {
  const names = [...new Set(known)].sort()
  const none = `there is no ${what} ${name} in ${place}`
  if (names.length === 0)
    return `${none}, nor any other; bring a Job there with jobico deploy, or name another namespace with -n`
  const meant = closest(name, names)
  const shown = names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ', …' : '')
  return `${none}, only ${shown}; ${meant === undefined ? 'name one of these' : `did you mean ${meant}?`}`
}

/** Throws an Error that names the events there are when there is none of the name. */
export function checkEvent(events: readonly EventRef[], name: string, place: string): void {
  if (events.some(({ event }) => event === name)) return
  throw new Error(unknownName({ what: 'event', name, known: events.map(({ event }) => event), place }))
}
