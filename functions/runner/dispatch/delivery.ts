import type { Msg, MsgHdrs } from '@nats-io/transport-node'

import { parseSubject, type StreamNames } from '../../queues/names.ts'

/** Which of the Job's two streams a message came from. */
export type Source = keyof StreamNames

/** A message that a consumer delivered. */
export interface Delivery {
  readonly source: Source
  readonly key: string
  /** Its sequence in the stream. */
  readonly seq: number
  /** How often it was delivered, this time included. */
  readonly deliveries: number
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
  /** Where to acknowledge it. */
  readonly ackSubject: string
}

/** Payloads that a message's ack subject takes. */
export const NAK = '-NAK'
export const WORKING = '+WPI'

/** The two forms of an ack subject: how many tokens it has, and at which index the number of deliveries is; then the sequence. */
const SHORT_FORM = { length: 9, deliveries: 4 }
const LONG_FORM = { deliveries: 6 }

/** Reads a message that JetStream delivered; undefined for any other. The ack subject has two forms (ADR-15 of NATS). */
export function readDelivery(source: Source, message: Msg): Delivery | undefined {
  const { reply: ackSubject, subject, headers, data } = message
  if (!ackSubject?.startsWith('$JS.ACK.')) return undefined
  const tokens = ackSubject.split('.')
  const at = tokens.length === SHORT_FORM.length ? SHORT_FORM.deliveries : LONG_FORM.deliveries
  const { key } = parseSubject(subject)
  const [deliveries, seq] = [Number(tokens[at]), Number(tokens[at + 1])]
  return { source, key, seq, deliveries, headers, data, ackSubject }
}
