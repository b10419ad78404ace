import type { MsgHdrs } from '@nats-io/transport-node'

import { eventOfMessage, rawAttribute } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import type { ErrorCode } from '../process/errors.ts'
import { manage, subjectsIn } from '../jetstream/manager.ts'
import { eventSubjects, parseSubject, streamNames, type EventRef, type JobRef } from '../queues/names.ts'
import { queueNotFound } from '../queues/queue-not-found.ts'
import type { RetryOptions } from '../process/retry.ts'
import type { Requests } from '../jetstream/requests.ts'
import { isVerdict, newestRecord } from '../outcomes/event-state.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { originalHeaders } from '../outcomes/kept-message.ts'
import { deadVerdictOf, type AttemptError } from '../outcomes/verdict.ts'

/** The codes that a dead verdict can have. */
export const DEATH_CODES = [
  'REJECTED',
  'RETRY_REQUESTED',
  'MODULE_TRAP',
  'TIMEOUT',
  'WORKER_DIED',
  'PROCESS_DIED',
  'RESULT_INVALID',
  'RESULT_TOO_LARGE',
  'OUTPUT_INVALID',
  'SINK_UNAVAILABLE',
  'SINK_REFUSED',
  'MESSAGE_UNREADABLE',
  'INTERNAL',
] as const satisfies readonly ErrorCode[]

/** An event that ended as a dead letter, without its data. */
export interface DeadLetter {
  readonly event: string
  readonly key: string
  /** One of DEATH_CODES, or of a later version's. */
  readonly code: string
  readonly reason: string
  readonly attempts: number
  /** When the verdict was made, RFC 3339. */
  readonly time: string
  /** Digest of the module that ran. */
  readonly module: string
  /** Attributes of the CloudEvent; of one that this version can not read, as they are found, and empty if they are not there. */
  readonly id: string
  readonly source: string
  readonly type: string
}

/** Selects dead letters. A letter matches if it meets all conditions that are given. */
export interface DeadLetterFilter {
  readonly event?: string | undefined
  readonly codes?: readonly string[] | undefined
  /** Verdicts of this time or later, in milliseconds since the epoch. */
  readonly since?: number | undefined
  /** Verdicts from before this time, in milliseconds since the epoch. */
  readonly before?: number | undefined
  /** At most MAX_KEYS of them. */
  readonly keys?: readonly string[] | undefined
}

/** The most keys of one filter. */
export const MAX_KEYS = 1_000

/** Which dead letters to work on, and how long to retry. */
export interface DeadLetterOptions extends RetryOptions {
  readonly filter: DeadLetterFilter
}

/** Whether a dead letter matches a filter. Pure. */
export function matchesFilter(
  { event, key, code, time }: DeadLetter,
  { event: wanted = event, codes, since, before, keys }: DeadLetterFilter,
): boolean {
  const made = Date.parse(time)
  return (
    event === wanted &&
    (codes === undefined || codes.includes(code)) &&
    (keys === undefined || keys.includes(key)) &&
    (since === undefined || made >= since) &&
    (before === undefined || made < before)
  )
}

/** A dead letter as the stream of events holds it. `data` is empty if only the headers were read. */
export interface BodyMessage {
  readonly subject: string
  readonly headers?: MsgHdrs | undefined
  readonly data: Uint8Array
}

/** Reads a dead letter, also one with a verdict or an event that this version can not read. Pure. */
export function deadLetterOfMessage({ subject, headers, data }: BodyMessage): DeadLetter {
  const { event, key } = parseSubject(subject)
  const { code, reason, attempts, time, module } = deadVerdictOf({ headers, data })
  const [id, source, type] = [
    rawAttribute(headers, 'id'),
    rawAttribute(headers, 'source'),
    rawAttribute(headers, 'type'),
  ]
  return { event, key, code, reason, attempts, time, module, id, source, type }
}

/** The current state of an event that has a dead letter. */
export type CurrentState =
  /** It is a dead letter. */
  | { readonly kind: 'dead' }
  /** It was redriven, and has not ended yet. */
  | { readonly kind: 'pending' }
  /** It has a newer outcome, or the dead letter is gone. */
  | { readonly kind: 'leftover' }

/** Reads the current state of a dead letter's event from the stream's leader. Throws QUEUE_UNAVAILABLE. */
export async function currentStateOf(
  requests: Requests,
  ref: EventRef,
  { key, seq }: { readonly key: string; readonly seq: number },
): Promise<CurrentState> {
  const newest = await newestRecord(requests, ref, key)
  if (newest?.seq === seq) return { kind: 'dead' }
  return { kind: newest !== undefined && newest.seq > seq && !isVerdict(newest) ? 'pending' : 'leftover' }
}

/** A message as it came: the values of its headers by name, and its data. */
export interface RawMessage {
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly data: Uint8Array
}

/** A dead letter with its errors and its CloudEvent, or its message as it came if this version can not read the event. */
export type FullDeadLetter = LetterDetails &
  ({ readonly cloudEvent: CloudEvent } | { readonly cloudEvent: undefined; readonly message: RawMessage })

/** What is known of any dead letter. */
interface LetterDetails {
  readonly letter: DeadLetter
  /** The error of each attempt, as far as they are kept. */
  readonly errors: readonly AttemptError[]
  /** Whether it was redriven, and has not ended yet. */
  readonly isPending: boolean
}

/**
 * Reads the dead letters of a key: one for each event of the Job at which the CloudEvent ended as dead. Throws NOT_FOUND if
 * the Job has no streams, and QUEUE_UNAVAILABLE.
 */
export async function readDeadLetters(
  requests: Requests,
  ref: JobRef,
  key: string,
): Promise<readonly FullDeadLetter[]> {
  const manager = await manage(requests.connection)
  const { events } = streamNames(ref)
  const bodies = await subjectsIn(manager, events, eventSubjects({ ...ref, event: '*' }).record(key, 'dead'))
  if (bodies === undefined) throw queueNotFound(ref)
  const letters: FullDeadLetter[] = []
  for (const subject of [...bodies.keys()].sort()) {
    const body = await lastMessage(requests, events, subject)
    if (body === undefined) continue
    const letter = deadLetterOfMessage(body)
    const current = await currentStateOf(requests, { ...ref, event: letter.event }, { key, seq: body.seq })
    if (current.kind === 'leftover') continue
    const { errors } = deadVerdictOf(body)
    letters.push({ letter, errors, ...contentOf(body), isPending: current.kind === 'pending' })
  }
  return letters
}

function contentOf({ headers, data }: BodyMessage) {
  try {
    return { cloudEvent: eventOfMessage(headers, data) }
  } catch {
    return { cloudEvent: undefined, message: { headers: Object.fromEntries(originalHeaders(headers)), data } }
  }
}
