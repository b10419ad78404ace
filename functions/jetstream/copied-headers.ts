import { headers, type MsgHdrs } from '@nats-io/transport-node'

/** The headers that are not NATS's own: some of these would make it refuse the message, and the others are of the old stream. */
export function ownHeaders(old: MsgHdrs | undefined): MsgHdrs {
  const fields = headers()
  for (const [name, values] of old ?? [])
    if (!/^nats-/i.test(name)) for (const value of values) fields.append(name, value)
  return fields
}

/**
 * For how many seconds a message is still to live, given when it was stored and what time it is, in milliseconds since the
 * epoch; 0 or less if its time is over, and undefined if it has no limit. Pure.
 */
export function restOfLife(old: MsgHdrs | undefined, storedAt: number, now: number): number | undefined {
  const ttl = /^(\d+)s$/.exec(old?.get('Nats-TTL') ?? '')?.[1]
  return ttl === undefined ? undefined : Math.ceil((storedAt - now) / 1_000 + Number(ttl))
}

/** Adds the schedule that a message has, if any, which fires into `target`; gives true if it has one. */
export function copySchedule(old: MsgHdrs | undefined, fields: MsgHdrs, target: string): boolean {
  const schedule = old?.get('Nats-Schedule') ?? ''
  if (schedule === '') return false
  fields.set('Nats-Schedule', schedule)
  fields.set('Nats-Schedule-Target', target)
  return true
}
