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
  /** Undefined also if the client of NATS can not read them. */
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
  /** Where to acknowledge it. */
  readonly ackSubject: string
}

/** Payloads that a message's ack subject takes. */
export const NAK = '-NAK'
export const WORKING = '+WPI'

/** The headers of a message; undefined if there are none, or if the client can not read them, at which it throws. */
function headersOf(message: Msg): MsgHdrs | undefined {
  try {
    return message.headers
  } catch {
    return undefined
  }
}

/** Reads a message that JetStream delivered; undefined for any other. Never throws: that would end the connection. */
export function readDelivery(source: Source, message: Msg): Delivery | undefined {
  const { reply: ackSubject = '', subject, data } = message
  const ack = readAckSubject(ackSubject)
  if (ack === undefined) return undefined
  const { deliveries, seq } = ack
  const headers = headersOf(message)
  return { source, key: parseSubject(subject).key, seq, deliveries, headers, data, ackSubject }
}
