/** What the subject says on which a delivered message is acknowledged. */
export interface AckSubject {
  /** How often the message was delivered, this time included. */
  readonly deliveries: number
  /** Its sequence in the stream. */
  readonly seq: number
  /** When the stream stored it, in milliseconds since the epoch. */
  readonly storedAt: number
  /** How many messages the consumer had behind it. */
  readonly pending: number
}

/** The two forms: how many tokens there are, and at which index the number of deliveries is (ADR-15 of NATS). */
const SHORT_FORM = { length: 9, deliveries: 4 }
const LONG_FORM = { deliveries: 6 }
const NANOS_PER_MS = 1_000_000

/** Reads the reply subject of a message; undefined if JetStream has not delivered it. Pure. */
export function readAckSubject(subject = ''): AckSubject | undefined {
  if (!subject.startsWith('$JS.ACK.')) return undefined
  const tokens = subject.split('.')
  const at = tokens.length === SHORT_FORM.length ? SHORT_FORM.deliveries : LONG_FORM.deliveries
  const [deliveries = 0, seq = 0, , nanos = 0, pending = 0] = tokens.slice(at).map(Number)
  return { deliveries, seq, storedAt: nanos / NANOS_PER_MS, pending }
}
