import type { MsgHdrs } from '@nats-io/transport-node'

import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { JOBICO_HEADERS, decodeErrors, encodeErrors, type AttemptError } from './verdict.ts'

/** What the headers of an event's message say about its attempts and hand-overs so far. */
export interface History {
  /** Executions that have begun. */
  readonly attempts: number
  readonly errors: readonly AttemptError[]
  /** Its process may have died: the message was stored before an execution whose end was not recorded. */
  readonly suspect: boolean
  /** The sequence of the dead letter that a redriven event is to replace. */
  readonly redrive: number | undefined
  /** The sequence of the record with which its attempts began; outcomes of an earlier one do not count. */
  readonly since?: number | undefined
  /** How many hand-overs led to it. */
  readonly hops: number
  /** The key of the event with which these hand-overs began. */
  readonly root: string | undefined
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
    since: count(JOBICO_HEADERS.since) || undefined,
    hops: count(JOBICO_HEADERS.hops),
    root: text(JOBICO_HEADERS.root) || undefined,
  }
}

/** The headers of an event that is to run later, with its history. Pure. */
export function historyHeaders(event: CloudEvent, history: History): MsgHdrs {
  const { attempts, errors, suspect, redrive, since } = history
  const fields = eventHeaders(event)
  fields.set(JOBICO_HEADERS.attempt, String(attempts))
  if (errors.length > 0) fields.set(JOBICO_HEADERS.errors, encodeErrors(errors))
  if (suspect) fields.set(JOBICO_HEADERS.suspect, '1')
  if (redrive !== undefined) fields.set(JOBICO_HEADERS.redrive, String(redrive))
  if (since !== undefined) fields.set(JOBICO_HEADERS.since, String(since))
  setLineage(fields, history)
  return fields
}

/** Where an event stands among the hand-overs that led to it. */
export type Lineage = Pick<History, 'hops' | 'root'>

/** Writes an event's lineage into its headers; nothing if no hand-over led to it. */
export function setLineage(fields: MsgHdrs, { hops, root }: Lineage): void {
  if (hops > 0) fields.set(JOBICO_HEADERS.hops, String(hops))
  if (root !== undefined) fields.set(JOBICO_HEADERS.root, root)
}

/** How far an event is that has not ended. */
export interface Progress {
  /**
   * Executions that have begun, as far as they are recorded. An execution that runs now is recorded only if another process
   * may have had the event before; others are recorded when they have failed.
   */
  readonly attempts: number
  /** The error of the last attempt that failed. */
  readonly error: AttemptError | undefined
  /** When the next attempt is due, RFC 3339; undefined if it is due already, or runs. */
  readonly dueAt: string | undefined
  /** It is a dead letter that was sent to its module again, with a fresh count of attempts. */
  readonly redriven: boolean
}

const SCHEDULED_AT = /^@at (\S+)$/

/** Reads from the headers of an event in the queue or among the retries how far it is. Pure. */
export function progressOf(fields: MsgHdrs | undefined): Progress {
  const { attempts, errors, suspect, redrive } = readHistory(fields)
  const redriven = redrive !== undefined
  const dueAt = SCHEDULED_AT.exec(fields?.get('Nats-Schedule') ?? '')?.[1]
  // Scheduled before the execution that runs now: its last error and its time count only if the process dies.
  if (suspect && dueAt !== undefined)
    return {
      attempts,
      error: errors.findLast(({ attempt }) => attempt < attempts),
      dueAt: undefined,
      redriven,
    }
  return { attempts, error: errors.at(-1), dueAt, redriven }
}
