import { randomUUID } from 'node:crypto'

import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import type { Outgoing, Requests } from './requests.ts'

/** The most messages that JetStream takes in one atomic batch. */
export const MAX_BATCH = 1_000

/** Why JetStream refused a message. */
export type Refusal =
  /** The stream has no room. */
  | 'full'
  /** `max_msgs_per_subject` with `discard_new_per_subject`: the subject has a message already. */
  | 'subject-taken'
  /** A `Nats-Msg-Id` of the batch is known already. */
  | 'duplicate-in-batch'
  /** The last sequence of the subject is not the expected one, or another writer is in flight. */
  | 'wrong-sequence'
  /** Anything else: the stream is gone, the cluster has no leader, too many batches are open. */
  | 'unavailable'

/** JetStream's answer to a publish. */
export type PubAck =
  | { readonly stored: true; readonly seq: number; readonly duplicate: boolean }
  | { readonly stored: false; readonly refusal: Refusal; readonly description: string }

interface RawPubAck {
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly err_code?: number; readonly description?: string }
}

const REFUSALS: Readonly<Record<number, Refusal>> = {
  10071: 'wrong-sequence',
  10164: 'wrong-sequence',
  10201: 'duplicate-in-batch',
  10077: 'full',
  10047: 'full',
  10122: 'full',
}
const SUBJECT_TAKEN = 'maximum messages per subject exceeded'

/** Reads the answer of JetStream to a publish. */
export function readPubAck(answer: Pick<Msg, 'data'>): PubAck {
  const { seq = 0, duplicate = false, error } = JSON.parse(new TextDecoder().decode(answer.data)) as RawPubAck
  if (error === undefined) return { stored: true, seq, duplicate }
  const description = error.description ?? ''
  const refusal =
    description === SUBJECT_TAKEN ? 'subject-taken' : (REFUSALS[error.err_code ?? 0] ?? 'unavailable')
  return { stored: false, refusal, description }
}

/**
 * Adds the condition that the newest message on `subject`, which may have wildcards, has the sequence `seq`, 0 for none.
 * Otherwise JetStream refuses the message as 'wrong-sequence'. All writers who have to exclude each other must name the same
 * subject: a cluster compares it as text while their messages are in flight.
 */
export function expectNewest(fields: MsgHdrs, subject: string, seq: number): void {
  fields.set('Nats-Expected-Last-Subject-Sequence', String(seq))
  fields.set('Nats-Expected-Last-Subject-Sequence-Subject', subject)
}

/** Publishes one message and waits for JetStream's answer. Throws QUEUE_UNAVAILABLE if none comes. */
export async function publish(requests: Requests, message: Outgoing): Promise<PubAck> {
  return readPubAck(await requests.send(message))
}

/**
 * Publishes 1 to MAX_BATCH messages as one atomic batch: all are stored, or none. We set the batch headers ourselves (ADR-50
 * of nats-architecture-and-design), because the client's batch drops message ids. They are added to the messages' own header
 * objects, so do not use those again. Throws QUEUE_UNAVAILABLE if no answer comes.
 */
export async function publishBatch(requests: Requests, messages: readonly Outgoing[]): Promise<PubAck> {
  const last = messages.at(-1)
  if (last === undefined || messages.length > MAX_BATCH) {
    throw new RangeError(`a batch has 1 to ${MAX_BATCH} messages, not ${messages.length}`)
  }
  const id = randomUUID()
  messages.slice(0, -1).forEach((message, index) => {
    requests.post(framed(message, id, index + 1))
  })
  const commit = framed(last, id, messages.length)
  commit.headers.set('Nats-Batch-Commit', '1')
  return readPubAck(await requests.send(commit))
}

function framed(message: Outgoing, id: string, sequence: number) {
  const fields = message.headers ?? headers()
  fields.set('Nats-Batch-Id', id)
  fields.set('Nats-Batch-Sequence', String(sequence))
  return { ...message, headers: fields }
}

/** Throws the error that tells a client of a refusal: QUEUE_FULL or QUEUE_UNAVAILABLE. */
export function throwRefusal(ack: Extract<PubAck, { stored: false }>): never {
  if (ack.refusal === 'full') {
    throw new JobicoError(
      'QUEUE_FULL',
      `the queue has no room (${ack.description}); sending again later, with the same id or Idempotency-Key, is safe`,
    )
  }
  throw new JobicoError(
    'QUEUE_UNAVAILABLE',
    `the queue refused (${ack.description}); sending again later, with the same id or Idempotency-Key, is safe`,
  )
}
