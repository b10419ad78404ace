import { createHash } from 'node:crypto'

/** Which Job: its namespace and its name, both DNS labels. */
export interface JobRef {
  readonly namespace: string
  readonly job: string
}

/** Which event of which Job. */
export interface EventRef extends JobRef {
  readonly event: string
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const KEY_LENGTH = 26

/**
 * The identity of a CloudEvent as one token of a NATS subject: 26 characters (130 bits) of the lower-case base32 of
 * SHA-256 over `source`, a newline and `id`.
 */
export function eventKey(source: string, id: string): string {
  return base32(createHash('sha256').update(`${source}\n${id}`).digest(), KEY_LENGTH)
}

/** Tells whether a text has the shape of a key. */
export function isEventKey(text: string): boolean {
  return text.length === KEY_LENGTH && /^[a-z2-7]+$/.test(text)
}

function base32(bytes: Uint8Array, length: number): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5 && text.length < length) {
      bits -= 5
      text += BASE32.charAt((value >>> bits) & 31)
    }
  }
  return text
}

/** The event's name as part of a DNS label: in lower case, with a short hash if that changed it. */
export function dnsLabel(event: string): string {
  const lower = event.toLowerCase()
  return lower === event ? lower : `${lower}-${base32(createHash('sha256').update(event).digest(), 5)}`
}

/** The two streams of a Job. */
export interface StreamNames {
  /** Events that were accepted and are not settled. */
  readonly queue: string
  /** What became of events: retries, hand-overs, and outcomes. */
  readonly events: string
}

/** The names of the Job's streams. */
export function streamNames({ namespace, job }: JobRef): StreamNames {
  const prefix = `JOBICO_${namespace}_${job}`
  return { queue: `${prefix}_QUEUE`, events: `${prefix}_EVENTS` }
}

/** The Job that a stream belongs to, by the stream's name; undefined for others. Pure. */
export function jobOfStream(name: string): JobRef | undefined {
  const [, namespace, job] = /^JOBICO_([^_]+)_([^_]+)_(?:QUEUE|EVENTS)$/.exec(name) ?? []
  return namespace === undefined || job === undefined ? undefined : { namespace, job }
}

/** The same, also for the streams of version 0.1.0. Pure. */
export function jobOfAnyStream(name: string): JobRef | undefined {
  const [, namespace, job] = /^JOBICO_([^_]+)_([^_]+)(?:_[A-Z]+)?$/.exec(name) ?? []
  return namespace === undefined || job === undefined ? undefined : { namespace, job }
}

/** What a message of the stream of events is. */
export const RECORDS = ['later', 'due', 'done', 'dead'] as const
/**
 * `later` is a schedule that fires into `due`; `due` is an event to run: a retry, a hand-over or a redriven dead letter;
 * `done` and `dead` are its outcome.
 */
export type RecordKind = (typeof RECORDS)[number]

/** The subjects of one event of a Job; every function takes the key of a CloudEvent, or `*` for all. */
export interface EventSubjects {
  readonly queued: (key: string) => string
  /** One kind of record. */
  readonly record: (key: string, kind: RecordKind) => string
  /** All records. The newest message of a key on them is the state of the event. */
  readonly records: (key: string) => string
}

/** The subjects of the messages of one event. */
export function eventSubjects({ namespace, job, event }: EventRef): EventSubjects {
  const path = `${namespace}.${job}.${event}`
  const record = (key: string, kind: string) => `jobico-event.${path}.${key}.${kind}`
  return { queued: (key) => `jobico-queue.${path}.${key}`, record, records: (key) => record(key, '*') }
}

/** The subject that counts the descendants of a root event, given its key. */
export function descendantsSubject({ namespace, job }: JobRef, rootKey: string): string {
  return `jobico-tree.${namespace}.${job}.${rootKey}`
}

/** Every subject of a Job, by the stream that holds it. */
export function jobSubjects({
  namespace,
  job,
}: JobRef): Readonly<Record<keyof StreamNames, readonly string[]>> {
  const path = `${namespace}.${job}.>`
  return { queue: [`jobico-queue.${path}`], events: [`jobico-event.${path}`, `jobico-tree.${path}`] }
}

/** The only subject of a closed queue. */
export function closedSubject({ namespace, job }: JobRef): string {
  return `jobico-queue-closed.${namespace}.${job}`
}

/** Where NATS says, without data, that something was stored that a runner of the event can run. No stream holds it. */
export function wakeSubject({ namespace, job, event }: EventRef): string {
  return `jobico-wake.${namespace}.${job}.${event}`
}

/** Reads the event, the key and, from a record, its kind from a subject of EventSubjects. */
export function parseSubject(subject: string): {
  readonly event: string
  readonly key: string
  readonly kind: RecordKind | undefined
} {
  const [, , , event = '', key = '', kind] = subject.split('.')
  return { event, key, kind: RECORDS.find((record) => record === kind) }
}

/** The `source` of CloudEvents that the listener makes from bare data. */
export function jobSource({ namespace, job }: JobRef): string {
  return `/namespaces/${namespace}/jobs/${job}`
}

/** The `source` of an event's results. */
export function resultSource(ref: EventRef): string {
  return `${jobSource(ref)}/events/${ref.event}`
}

/** The `type` of CloudEvents that the listener makes from bare data. */
export function dataEventType(event: string): string {
  return `dev.coeux.jobico.${event}`
}
