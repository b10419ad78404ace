import { readAckSubject } from '../jetstream/ack-subject.ts'
import type { StreamInfo } from '@nats-io/jetstream'
import type { Msg, MsgHdrs } from '@nats-io/transport-node'

import type { EmittedData } from '../outcomes/emitted.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import type { EventRef, JobRef } from '../queues/names.ts'

/** The three streams that a Job had in 0.1.0. */
export interface OldStreamNames {
  /** A work queue: events that were accepted. */
  readonly queue: string
  /** A work queue with schedules: retries, hand-overs and redriven dead letters. */
  readonly retry: string
  /** Verdicts, which hold what was emitted, and the events of dead letters. */
  readonly outcomes: string
}

/** The names of the streams that a Job had in 0.1.0. */
export function oldStreamNames({ namespace, job }: JobRef): OldStreamNames {
  const queue = `JOBICO_${namespace}_${job}`
  return { queue, retry: `${queue}_RETRY`, outcomes: `${queue}_OUTCOMES` }
}

/** The subjects that the messages of an event had; every function takes the key of a CloudEvent, or `*` for all. */
export interface OldSubjects {
  readonly queued: (key: string) => string
  /** A schedule that fires into `due`. */
  readonly later: (key: string) => string
  readonly due: (key: string) => string
  /** Both `later` and `due`. */
  readonly retry: (key: string) => string
  readonly verdict: (key: string) => string
  readonly deadBody: (key: string) => string
}

/** The subjects of 0.1.0 for the messages of one event. */
export function oldSubjects({ namespace, job, event }: EventRef): OldSubjects {
  const path = `${namespace}.${job}.${event}`
  return {
    queued: (key) => `jobico.${path}.${key}`,
    later: (key) => `jobico-retry.${path}.${key}.later`,
    due: (key) => `jobico-retry.${path}.${key}.due`,
    retry: (key) => `jobico-retry.${path}.${key}.*`,
    verdict: (key) => `jobico-outcome.${path}.${key}`,
    deadBody: (key) => `jobico-dead.${path}.${key}`,
  }
}

/** The only subject that each stream has once it is closed; for the queue it is the one of 0.1.0. */
export function oldClosedSubjects({
  namespace,
  job,
}: JobRef): Readonly<Record<keyof OldStreamNames, string>> {
  const path = `${namespace}.${job}`
  return {
    queue: `jobico-closed.${path}`,
    retry: `jobico-closed-retry.${path}`,
    outcomes: `jobico-closed-outcome.${path}`,
  }
}

/** Whether a stream takes no new messages. Pure. */
export function isClosed(
  { config }: Pick<StreamInfo, 'config'>,
  ref: JobRef,
  stream: keyof OldStreamNames,
): boolean {
  return config.subjects.includes(oldClosedSubjects(ref)[stream])
}

/** What a message of 0.1.0 is. */
export type OldKind = 'queued' | 'later' | 'due' | 'verdict' | 'dead-body'

/** A message of 0.1.0, as a consumer delivered it. */
export interface OldMessage {
  readonly kind: OldKind
  readonly ref: EventRef
  readonly key: string
  /** Its sequence in the stream. */
  readonly seq: number
  /** How often it was delivered, this time included. */
  readonly deliveries: number
  /** When the stream stored it, in milliseconds since the epoch. */
  readonly storedAt: number
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
  /** Where to acknowledge it. */
  readonly ackSubject: string
}

const KINDS: Readonly<Record<string, OldKind>> = {
  jobico: 'queued',
  'jobico-outcome': 'verdict',
  'jobico-dead': 'dead-body',
}

/** Reads a message that JetStream delivered from a stream of 0.1.0; undefined if it is no such message. Pure. */
export function readOldMessage({
  subject,
  reply: ackSubject = '',
  headers,
  data,
}: Msg): OldMessage | undefined {
  const about = readOldSubject(subject)
  const ack = readAckSubject(ackSubject)
  return about && ack && { ...about, ...ack, headers, data, ackSubject }
}

function readOldSubject(subject: string): Pick<OldMessage, 'kind' | 'ref' | 'key'> | undefined {
  const [prefix = '', namespace = '', job = '', event = '', key = '', last] = subject.split('.')
  const retry = last === 'later' ? 'later' : 'due'
  const kind = prefix === 'jobico-retry' ? retry : KINDS[prefix]
  return kind === undefined || key === '' ? undefined : { kind, ref: { namespace, job, event }, key }
}

/** The payload of a done verdict of 0.1.0, taken apart: the data of the result, and the emitted data behind it. */
export function splitVerdict(
  fields: MsgHdrs | undefined,
  payload: Uint8Array,
): { readonly data: Uint8Array; readonly emitted: readonly EmittedData[] } {
  const header = fields?.get(JOBICO_HEADERS.emitted) ?? ''
  if (header === '') return { data: payload, emitted: [] }
  const parts = header.split(',').map((part) => {
    const [event = '', bytes = ''] = part.split('=')
    return { event, bytes: Number(bytes) }
  })
  let at = payload.length - parts.reduce((sum, { bytes }) => sum + bytes, 0)
  const data = payload.subarray(0, at)
  const emitted = parts.map(({ event, bytes }) => ({ event, data: payload.subarray(at, (at += bytes)) }))
  return { data, emitted }
}
