import type { Msg, MsgHdrs } from '@nats-io/transport-node'

import { readAckSubject } from '../../jetstream/ack-subject.ts'
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

/** Reads a message that JetStream delivered; undefined for any other. */
export function readDelivery(source: Source, message: Msg): Delivery | undefined {
  const { reply: ackSubject = '', subject, headers, data } = message
  const ack = readAckSubject(ackSubject)
  if (ack === undefined) return undefined
  const { deliveries, seq } = ack
  return { source, key: parseSubject(subject).key, seq, deliveries, headers, data, ackSubject }
}
