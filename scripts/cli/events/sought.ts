import { causeKeyOf } from '../../../functions/outcomes/emitted.ts'
import { eventKey, isEventKey } from '../../../functions/queues/names.ts'
import { DEFAULT_SOURCE } from './outgoing.ts'

/** Which event to look up. */
export type Sought =
  | { readonly kind: 'key'; readonly key: string }
  /** By the id of what was emitted: its source, and so its key, depends on Job and event of its cause. */
  | { readonly kind: 'emitted'; readonly id: string; readonly cause: string }

/** How a user names an event. */
export interface Naming {
  readonly id?: string
  readonly source?: string
}

/**
 * What a key or the id of an emitted event, or else the options --id and --source, stand for. Without a source the id is that
 * of an emitted event if it looks like one, or else of an event that `jobico send --id` sent. Throws an Error that names the
 * fix. Pure.
 */
export function soughtOf(name: string | undefined, { id, source }: Naming): Sought {
  if (name !== undefined && (id ?? source) !== undefined)
    throw new Error('give either a key, or --id with --source; an event is named by one of them')
  if (name !== undefined) return isEventKey(name) ? { kind: 'key', key: name } : emittedOf(name)
  if (id === undefined)
    throw new Error(
      'name the event: give the key that jobico send printed, or --id with the --source it was sent with',
    )
  const cause = source === undefined ? emittedBy(id) : undefined
  return cause === undefined
    ? { kind: 'key', key: eventKey(source ?? DEFAULT_SOURCE, id) }
    : { kind: 'emitted', id, cause }
}

function emittedOf(name: string): Sought {
  const cause = emittedBy(name)
  if (cause !== undefined) return { kind: 'emitted', id: name, cause }
  throw new Error(
    `${name} is no key: it has 26 lower-case letters and digits, as jobico send prints it; an id is looked up with: jobico get --id ${name} --source SOURCE`,
  )
}

/** The key of the event that emitted the one with this id; a key alone is none. */
function emittedBy(id: string): string | undefined {
  return isEventKey(id) ? undefined : causeKeyOf(id)
}
