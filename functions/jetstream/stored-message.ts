import type { MsgHdrs } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { readHeaderBlock } from './header-block.ts'
import type { Requests } from './requests.ts'

/** A message as a stream holds it. */
export interface StoredMessage {
  readonly subject: string
  readonly seq: number
  readonly headers: MsgHdrs | undefined
  /** The bytes of the headers, if `headers` can not hold all of them. */
  readonly rawHeaders?: Uint8Array
  readonly data: Uint8Array
  /** When the stream stored it, RFC 3339. */
  readonly time: string
}

interface RawAnswer {
  readonly message?: { subject: string; seq: number; hdrs?: string; data?: string; time: string }
  readonly error?: { err_code?: number; description?: string }
}

const NO_MESSAGE = 10037

/**
 * The last message of a subject, read from the stream's leader, so that no acknowledged message is missed; undefined if
 * there is none. The subject may have wildcards. Throws QUEUE_UNAVAILABLE.
 */
export function lastMessage(
  requests: Requests,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  return getMessage(requests, stream, { last_by_subj: subject })
}

/** As lastMessage, but by sequence. */
export function messageAt(
  requests: Requests,
  stream: string,
  seq: number,
): Promise<StoredMessage | undefined> {
  return getMessage(requests, stream, { seq })
}

async function getMessage(
  requests: Requests,
  stream: string,
  query: object,
): Promise<StoredMessage | undefined> {
  const answer = await requests.send({
    subject: `$JS.API.STREAM.MSG.GET.${stream}`,
    payload: JSON.stringify(query),
  })
  const { message, error } = answer.json<RawAnswer>()
  if (message !== undefined) return storedMessage(message)
  if (error?.err_code === NO_MESSAGE) return undefined
  throw new JobicoError(
    'QUEUE_UNAVAILABLE',
    `the stream ${stream} can not be read: ${error?.description ?? 'no answer'}`,
  )
}

function storedMessage({ subject, seq, hdrs, data, time }: NonNullable<RawAnswer['message']>): StoredMessage {
  const rawHeaders = hdrs === undefined ? undefined : Buffer.from(hdrs, 'base64')
  const block = rawHeaders && readHeaderBlock(rawHeaders)
  return {
    subject,
    seq,
    time,
    headers: block?.headers,
    ...(rawHeaders && block?.isExact === false ? { rawHeaders } : {}),
    data: data === undefined ? new Uint8Array() : Buffer.from(data, 'base64'),
  }
}

/**
 * Deletes one message of a stream by its sequence. Gives true if it was there, and false if it was gone already. Throws
 * QUEUE_UNAVAILABLE if it may still be there.
 */
export async function deleteMessage(requests: Requests, stream: string, seq: number): Promise<boolean> {
  const answer = await requests.send({
    subject: `$JS.API.STREAM.MSG.DELETE.${stream}`,
    payload: JSON.stringify({ seq, no_erase: true }),
  })
  const { error } = answer.json<RawAnswer>()
  if (error === undefined) return true
  if ((await messageAt(requests, stream, seq)) === undefined) return false
  throw new JobicoError(
    'QUEUE_UNAVAILABLE',
    `a message of the stream ${stream} can not be deleted: ${error.description ?? 'no reason was given'}`,
  )
}

/**
 * Deletes the messages of a stream whose subject matches and whose sequence is lower. Throws QUEUE_UNAVAILABLE if some may
 * still be there.
 */
export async function deleteOlder(
  requests: Requests,
  stream: string,
  subject: string,
  seq: number,
): Promise<void> {
  const answer = await requests.send({
    subject: `$JS.API.STREAM.PURGE.${stream}`,
    payload: JSON.stringify({ filter: subject, seq }),
  })
  const { error } = answer.json<RawAnswer>()
  if (error !== undefined)
    throw new JobicoError(
      'QUEUE_UNAVAILABLE',
      `messages of the stream ${stream} can not be deleted: ${error.description ?? 'no reason was given'}`,
    )
}
