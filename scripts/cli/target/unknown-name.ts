import type { EventRef } from '../../../functions/queues/names.ts'
import { closest } from '../../../schemas/closest.ts'

const MOST_NAMES = 20

/** A name that was not found, and the names that exist. */
export interface SoughtName {
  readonly what: 'event' | 'Job'
  readonly name: string
  readonly known: readonly string[]
  /** Where it was looked for. */
  readonly place: string
}

/** Says that a name does not exist, which name may be meant, and which names exist. Pure. */
export function unknownName({ what, name, known, place }: SoughtName): string {
  const names = [...new Set(known)].sort()
  const none = `there is no ${what} ${name} in ${place}`
  if (names.length === 0)
    return `${none}, nor any other; deploy a Job with jobico deploy, or name another namespace with -n`
  const meant = closest(name, names)
  const shown = names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ', …' : '')
  return `${none}, only ${shown}; ${meant === undefined ? 'name one of these' : `did you mean ${meant}?`}`
}

/** If no event has the name, throws an Error that names the events that exist. */
export function checkEvent(events: readonly EventRef[], name: string, place: string): void {
  if (events.some(({ event }) => event === name)) return
  throw new Error(unknownName({ what: 'event', name, known: events.map(({ event }) => event), place }))
}
