import { headers, type MsgHdrs } from '@nats-io/transport-node'

import { eventHeaders, eventOfMessage } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { JobicoError } from '../process/errors.ts'
import { percentDecode, percentEncode } from '../cloudevents/percent-encoding.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'

/** Jobico's own headers, beside those of CloudEvents. Together they stay under 4 KiB on any message. */
export const JOBICO_HEADERS = {
  /** How many executions of the event have begun. */
  attempt: 'Jobico-Attempt',
  /** The error of each attempt so far: JSON, percent-encoded. */
  errors: 'Jobico-Errors',
  /** On a retry that is stored before an execution begins: if it becomes due, the process died during the execution. */
  suspect: 'Jobico-Suspect',
  /** On a redriven event: the sequence of the dead verdict that it is to replace. */
  redrive: 'Jobico-Redrive',
  /** On a retry: the sequence of the record with which the attempts began. */
  since: 'Jobico-Since',
  /** On an event that was handed over: how many hand-overs led to it. */
  hops: 'Jobico-Hops',
  /** On an event that was handed over: the key of the event with which the hand-overs began. */
  root: 'Jobico-Root',
  /** On a restored record that nothing has replaced since: the id of the backup, and the record's sequence there. */
  restored: 'Jobico-Restored',
  /** On a retry: which process stored it, and when, so that this process knows it again. */
  write: 'Jobico-Write',
  /** On a done verdict: the events to which the module emitted data, in its order, separated by commas. */
  emitted: 'Jobico-Emitted',
  /** On the dead letter of a message whose headers can not be kept as they were: their bytes, in base64. */
  rawHeaders: 'Jobico-Raw-Headers',
  verdict: 'Jobico-Verdict',
  attempts: 'Jobico-Attempts',
  module: 'Jobico-Module',
  time: 'Jobico-Time',
  code: 'Jobico-Code',
  reason: 'Jobico-Reason',
} as const

/** Why one attempt failed. */
export interface AttemptError {
  readonly attempt: number
  /** One of ERROR_CODES, or of a later version's. */
  readonly code: string
  readonly reason: string
}

interface VerdictFacts {
  /** Executions that had begun. */
  readonly attempts: number
  /** Digest of the module that ran. */
  readonly module: string
  /** When the verdict was made, RFC 3339. */
  readonly time: string
}

/** How an event ended. */
export type Verdict =
  | ({
      readonly kind: 'done'
      readonly result: CloudEvent
      /** The events of the Job to which the module emitted data, in its order; undefined if there are none. */
      readonly emitted?: readonly string[]
    } & VerdictFacts)
  | ({
      readonly kind: 'dead'
      /** One of ERROR_CODES, or of a later version's. */
      readonly code: string
      readonly reason: string
      readonly errors: readonly AttemptError[]
    } & VerdictFacts)

/** The longest reason that is kept, in characters. */
export const MAX_REASON = 512
const MAX_ERRORS = 20
const MAX_ATTEMPT_REASON = 160
const MAX_ERRORS_BYTES = 2_000
const MAX_ENCODED_REASON = 1_000

/** The headers of a verdict's message. */
export function verdictHeaders(verdict: Verdict): MsgHdrs {
  const fields = verdict.kind === 'done' ? eventHeaders(verdict.result) : headers()
  fields.set(JOBICO_HEADERS.verdict, verdict.kind)
  fields.set(JOBICO_HEADERS.attempts, String(verdict.attempts))
  fields.set(JOBICO_HEADERS.module, verdict.module)
  fields.set(JOBICO_HEADERS.time, verdict.time)
  if (verdict.kind === 'done' && verdict.emitted !== undefined && verdict.emitted.length > 0)
    fields.set(JOBICO_HEADERS.emitted, verdict.emitted.join(','))
  if (verdict.kind === 'dead') {
    fields.set(JOBICO_HEADERS.code, verdict.code)
    fields.set(JOBICO_HEADERS.reason, encodeReason(verdict.reason))
    fields.set(JOBICO_HEADERS.errors, encodeErrors(verdict.errors))
  }
  return fields
}

/** Reads the verdict of a message. Throws EVENT_INVALID if it is none. */
export function verdictOfMessage({
  headers: fields,
  data,
}: Pick<StoredMessage, 'headers' | 'data'>): Verdict {
  const text = (name: string) => fields?.get(name) ?? ''
  const facts = {
    attempts: Number(text(JOBICO_HEADERS.attempts)) || 0,
    module: text(JOBICO_HEADERS.module),
    time: text(JOBICO_HEADERS.time),
  }
  const kind = text(JOBICO_HEADERS.verdict)
  if (kind === 'done') {
    const emitted = text(JOBICO_HEADERS.emitted)
    const events = emitted === '' ? {} : { emitted: emitted.split(',') }
    return { kind, result: eventOfMessage(fields, data), ...events, ...facts }
  }
  const code = text(JOBICO_HEADERS.code)
  if (kind !== 'dead' || code === '') throw new JobicoError('EVENT_INVALID', 'the message is no verdict')
  const reason = percentDecode(text(JOBICO_HEADERS.reason)) ?? ''
  return { kind, code, reason, errors: decodeErrors(text(JOBICO_HEADERS.errors)), ...facts }
}

type DeadVerdict = Extract<Verdict, { kind: 'dead' }>

const UNREADABLE_VERDICT = {
  kind: 'dead',
  code: 'MESSAGE_UNREADABLE',
  errors: [],
  attempts: 0,
  module: '',
  time: '',
} as const

/** The verdict of a dead letter; MESSAGE_UNREADABLE if this version can not read it, since the letter stays one. Pure. */
export function deadVerdictOf(message: Pick<StoredMessage, 'headers' | 'data'>): DeadVerdict {
  try {
    const verdict = verdictOfMessage(message)
    if (verdict.kind === 'dead') return verdict
  } catch {
    // Said by the verdict.
  }
  return { ...UNREADABLE_VERDICT, reason: 'the dead letter has no verdict that this version can read' }
}

/** A reason as a header value of at most 1,000 bytes. From a longer one the middle is cut out. */
export function encodeReason(reason: string): string {
  let length = Math.min(reason.length, MAX_REASON)
  let encoded = percentEncode(shortened(reason, length))
  while (encoded.length > MAX_ENCODED_REASON) {
    length = Math.floor(length * 0.8)
    encoded = percentEncode(shortened(reason, length))
  }
  return encoded
}

// The middle is cut, because a reason starts with what happened and ends with where.
function shortened(reason: string, most: number): string {
  if (reason.length <= most) return reason.toWellFormed()
  const tail = Math.floor(most * 0.4)
  return `${reason.slice(0, most - tail - 1)}…${reason.slice(reason.length - tail)}`.toWellFormed()
}

/**
 * The errors of the last 20 attempts as a header value of at most 2,000 bytes. If it gets longer, the oldest are left out.
 */
export function encodeErrors(errors: readonly AttemptError[]): string {
  const short = errors
    .slice(-MAX_ERRORS)
    .map((error) => ({ ...error, reason: shortened(error.reason, MAX_ATTEMPT_REASON) }))
  for (let from = 0; from < short.length; from++) {
    const encoded = percentEncode(JSON.stringify(short.slice(from)))
    if (encoded.length <= MAX_ERRORS_BYTES) return encoded
  }
  return '[]'
}

/** Reads the errors of the attempts from a header value; none if it can not be read. */
export function decodeErrors(value: string): readonly AttemptError[] {
  if (value === '') return []
  try {
    const errors: unknown = JSON.parse(percentDecode(value) ?? '[]')
    return Array.isArray(errors) && errors.every(isAttemptError) ? errors : []
  } catch {
    return []
  }
}

function isAttemptError(value: unknown): value is AttemptError {
  const { attempt, code, reason } = { ...(value as Partial<Record<keyof AttemptError, unknown>> | null) }
  return typeof attempt === 'number' && typeof code === 'string' && typeof reason === 'string'
}
