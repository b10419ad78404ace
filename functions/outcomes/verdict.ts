import { headers, type MsgHdrs } from '@nats-io/transport-node'

import { eventHeaders, eventOfMessage } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { emittedHeader, joinEmitted, splitEmitted, type EmittedData } from './emitted.ts'
import { ERROR_CODES, JobicoError, type ErrorCode } from '../process/errors.ts'
import { percentDecode, percentEncode } from '../cloudevents/percent-encoding.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'

/** Headers of our own, beside those of CloudEvents. Together they stay under 4 KiB on any message. */
export const JOBICO_HEADERS = {
  /** How many executions of the event have begun. */
  attempt: 'Jobico-Attempt',
  /** The fault of each attempt so far: JSON, percent-encoded. */
  errors: 'Jobico-Errors',
  /** On a schedule that was stored before an execution began: its firing means that the process died under it. */
  suspect: 'Jobico-Suspect',
  /** On a redriven event: the sequence of the dead verdict that it is to replace. */
  redrive: 'Jobico-Redrive',
  /** On an event that came out of another: how many hand-overs there were before it. */
  hops: 'Jobico-Hops',
  /** On a done verdict: what its payload holds behind the data of the result. */
  emitted: 'Jobico-Emitted',
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
  readonly code: ErrorCode
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
      /** For other events of the Job; nothing where it is missing. Each is handed over after the verdict is stored. */
      readonly emitted?: readonly EmittedData[]
    } & VerdictFacts)
  | ({
      readonly kind: 'dead'
      readonly code: ErrorCode
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
    fields.set(JOBICO_HEADERS.emitted, emittedHeader(verdict.emitted))
  if (verdict.kind === 'dead') {
    fields.set(JOBICO_HEADERS.code, verdict.code)
    fields.set(JOBICO_HEADERS.reason, encodeReason(verdict.reason))
    fields.set(JOBICO_HEADERS.errors, encodeErrors(verdict.errors))
  }
  return fields
}

/** The payload of a verdict's message: the data of the result, and what was emitted; that of a dead one is empty. */
export function verdictPayload(verdict: Verdict): Uint8Array {
  if (verdict.kind === 'dead') return new Uint8Array()
  return joinEmitted(verdict.result.data, verdict.emitted ?? [])
}

/** The verdict that a message holds. Throws EVENT_INVALID when it holds none. */
export function verdictOfMessage({
  headers: fields,
  data,
}: Pick<StoredMessage, 'headers' | 'data'>): Verdict {
  const text = (name: string) => fields?.get(name) ?? ''
  const facts = {
    attempts: Number(text(JOBICO_HEADERS.attempts)),
    module: text(JOBICO_HEADERS.module),
    time: text(JOBICO_HEADERS.time),
  }
  const kind = text(JOBICO_HEADERS.verdict)
  if (kind === 'done') {
    const held = splitEmitted(text(JOBICO_HEADERS.emitted), data)
    const emitted = held.emitted.length > 0 ? { emitted: held.emitted } : {}
    return { kind, result: eventOfMessage(fields, held.data), ...emitted, ...facts }
  }
  const code = text(JOBICO_HEADERS.code)
  if (kind !== 'dead' || !isErrorCode(code))
    throw new JobicoError('EVENT_INVALID', 'the message is no verdict')
  const reason = percentDecode(text(JOBICO_HEADERS.reason)) ?? ''
  return { kind, code, reason, errors: decodeErrors(text(JOBICO_HEADERS.errors)), ...facts }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}

/** A reason as a header's value of at most 1,000 bytes; where it is longer, its middle goes. */
export function encodeReason(reason: string): string {
  let length = Math.min(reason.length, MAX_REASON)
  let encoded = percentEncode(shortened(reason, length))
  while (encoded.length > MAX_ENCODED_REASON) {
    length = Math.floor(length * 0.8)
    encoded = percentEncode(shortened(reason, length))
  }
  return encoded
}

// A reason starts with what happened and ends with where.
function shortened(reason: string, most: number): string {
  if (reason.length <= most) return reason.toWellFormed()
  const tail = Math.floor(most * 0.4)
  return `${reason.slice(0, most - tail - 1)}…${reason.slice(reason.length - tail)}`.toWellFormed()
}

/** The faults of the last 20 attempts as a header's value of at most 2,000 bytes; earlier ones go when there is no room. */
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

/** The faults of the attempts from a header's value; none when it is not readable. */
export function decodeErrors(value: string): readonly AttemptError[] {
  if (value === '') return []
  try {
    return JSON.parse(percentDecode(value) ?? '[]') as readonly AttemptError[]
  } catch {
    return []
  }
}
