import { HEALTH } from '../../process/health.ts'
import { isEventKey } from '../../queues/names.ts'

/** Paths that need no token, and have no limit on requests in flight. */
export const OPEN_PATHS: readonly (string | undefined)[] = Object.values(HEALTH)

/** The methods of each kind of path, as an Allow header names them. */
export const ALLOW = { events: 'POST, OPTIONS', state: 'GET, HEAD', health: 'GET, HEAD' } as const

/** The prefixes of an event's paths: none, and the one that tells it from other events at the same port. */
export function prefixesOf(event: string): readonly string[] {
  return ['', `/listener/${event}`]
}

/** The kind of a path on the listener of an event, whatever the method; undefined if there is no such path. */
export function pathKind(path: string, event: string): keyof typeof ALLOW | undefined {
  if (OPEN_PATHS.includes(path)) return 'health'
  for (const prefix of prefixesOf(event)) {
    if (path === (prefix || '/')) return 'events'
    const start = `${prefix}/events/`
    if (path.startsWith(start) && isEventKey(path.slice(start.length))) return 'state'
  }
  return undefined
}
