import type { MsgHdrs } from '@nats-io/transport-node'

import { ownHeaders } from '../jetstream/copied-headers.ts'
import type { StoredMessage } from '../jetstream/stored-message.ts'
import { JOBICO_HEADERS } from './verdict.ts'

/** What a dead letter adds to the headers of its event's message. */
const ADDED = ['verdict', 'attempts', 'module', 'time', 'code', 'reason', 'errors', 'restored'] as const
/** What a message says about attempts that are over. */
const PAST = ['attempt', 'suspect', 'redrive', 'since', 'write'] as const

/**
 * The headers of a message as a dead letter keeps them, whether or not this version can read the event in it. NATS's own are
 * left out. Pure.
 */
export function keptHeaders({ headers, rawHeaders }: Pick<StoredMessage, 'headers' | 'rawHeaders'>): MsgHdrs {
  const fields = ownHeaders(headers)
  fields.delete(JOBICO_HEADERS.restored)
  if (rawHeaders !== undefined)
    fields.set(JOBICO_HEADERS.rawHeaders, Buffer.from(rawHeaders).toString('base64'))
  return fields
}

/** The headers of the message that became a dead letter, from those of the letter. Pure. */
export function originalHeaders(letter: MsgHdrs | undefined): MsgHdrs {
  const fields = ownHeaders(letter)
  for (const name of ADDED) fields.delete(JOBICO_HEADERS[name])
  return fields
}

/** The headers with which a dead letter is sent again: those of its message, as before the first attempt. Pure. */
export function freshHeaders(letter: MsgHdrs | undefined): MsgHdrs {
  const fields = originalHeaders(letter)
  for (const name of PAST) fields.delete(JOBICO_HEADERS[name])
  return fields
}
