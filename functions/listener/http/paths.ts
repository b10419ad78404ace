import { HEALTH } from '../../process/health.ts'
import { isEventKey } from '../../queues/names.ts'

/** Paths that need no token and are never too many. */
export const OPEN_PATHS: readonly (string | undefined)[] = Object.values(HEALTH)

/** The methods of each kind of path, as an Allow header names them. */
export const ALLOW = { events: 'POST, OPTIONS', state: 'GET, HEAD', health: 'GET, HEAD' } as const

/** The prefixes under which the paths of an event are: none, and the one that tells it from others at one port. */
export function prefixesOf(event: string): readonly string[] {
  return ['', `/listener/${event}`]
}

/** What a path is on the listener of an event, whatever the method; undefined when there is nothing. */
export function pathKind(path: string, event: string): keyof typeof ALLOW | undefined {
  if (OPEN_PATHS.includes(path)) return 'health'
  for (const prefix of prefixesOf(event)) {
    if (path === (prefix || '/')) return 'events'
    const start = `${prefix}/events/`
    if (path.startsWith(start) && isEventKey(path.slice(start.length))) return 'state'
  }
  return undefined
}
