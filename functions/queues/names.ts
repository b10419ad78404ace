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

/** The three streams of a Job. */
export interface StreamNames {
  readonly queue: string
  readonly retry: string
  readonly outcomes: string
}

/** The names of the Job's streams. */
export function streamNames({ namespace, job }: JobRef): StreamNames {
  const queue = `JOBICO_${namespace}_${job}`
  return { queue, retry: `${queue}_RETRY`, outcomes: `${queue}_OUTCOMES` }
}

/** The subjects of one event of a Job; every function takes the key of a CloudEvent, or `*` for all. */
export interface EventSubjects {
  readonly queued: (key: string) => string
  /** A schedule that fires into `due`. */
  readonly later: (key: string) => string
  readonly due: (key: string) => string
  /** Both `later` and `due`. */
  readonly retry: (key: string) => string
  readonly verdict: (key: string) => string
  readonly deadBody: (key: string) => string
}

/** The subjects of the messages of one event. */
export function eventSubjects({ namespace, job, event }: EventRef): EventSubjects {
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

/** Every subject of a Job, by the stream that holds it. */
export function jobSubjects({
  namespace,
  job,
}: JobRef): Readonly<Record<keyof StreamNames, readonly string[]>> {
  const path = `${namespace}.${job}.>`
  return {
    queue: [`jobico.${path}`],
    retry: [`jobico-retry.${path}`],
    outcomes: [`jobico-outcome.${path}`, `jobico-dead.${path}`],
  }
}

/** The only subject of a closed queue. */
export function closedSubject({ namespace, job }: JobRef): string {
  return `jobico-closed.${namespace}.${job}`
}

/** Reads the event and the key from a subject of EventSubjects. */
export function parseSubject(subject: string): { readonly event: string; readonly key: string } {
  const [, , , event = '', key = ''] = subject.split('.')
  return { event, key }
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
