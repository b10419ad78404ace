import type { MsgHdrs } from '@nats-io/transport-node'

import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { eventHeaders } from '../../cloudevents/nats-binding.ts'
import { JOBICO_HEADERS, decodeErrors, encodeErrors, type AttemptError } from '../../outcomes/verdict.ts'

/** What the headers of an event's message say about its attempts and hand-overs so far. */
export interface History {
  /** Executions that have begun. */
  readonly attempts: number
  readonly errors: readonly AttemptError[]
  /** Its process may have died: the message was stored before an execution whose end was not recorded. */
  readonly suspect: boolean
  /** The sequence of the dead verdict that a redriven event is to replace. */
  readonly redrive: number | undefined
  /** How many hand-overs led to it. */
  readonly hops: number
}

/** Reads an event's history from its headers. Pure. */
export function readHistory(fields: MsgHdrs | undefined): History {
  const text = (name: string) => fields?.get(name) ?? ''
  const count = (name: string) => (/^\d{1,15}$/.test(text(name)) ? Number(text(name)) : 0)
  return {
    attempts: count(JOBICO_HEADERS.attempt),
    errors: decodeErrors(text(JOBICO_HEADERS.errors)),
    suspect: text(JOBICO_HEADERS.suspect) !== '',
    redrive: count(JOBICO_HEADERS.redrive) || undefined,
    hops: count(JOBICO_HEADERS.hops),
  }
}

/** The headers of an event that is to run later, with its history. Pure. */
export function historyHeaders(event: CloudEvent, history: History): MsgHdrs {
  const { attempts, errors, suspect, redrive, hops } = history
  const fields = eventHeaders(event)
  fields.set(JOBICO_HEADERS.attempt, String(attempts))
  if (errors.length > 0) fields.set(JOBICO_HEADERS.errors, encodeErrors(errors))
  if (suspect) fields.set(JOBICO_HEADERS.suspect, '1')
  if (redrive !== undefined) fields.set(JOBICO_HEADERS.redrive, String(redrive))
  if (hops > 0) fields.set(JOBICO_HEADERS.hops, String(hops))
  return fields
}
