import type { MsgHdrs } from '@nats-io/transport-node'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'

/** The headers of a message as far as the client of NATS can hold them. */
export interface HeaderBlock {
  readonly headers: MsgHdrs
  /** False if something had to be left out: a name that is no token, half a line break, bytes that are not UTF-8. */
  readonly isExact: boolean
}

/** Reads the bytes of a message's headers. The client itself throws at the first line that it does not take. Pure. */
export function readHeaderBlock(block: Uint8Array): HeaderBlock {
  const headers = new MsgHdrsImpl()
  const text = Buffer.from(block).toString()
  let isExact = !text.includes('\u{fffd}')
  for (const line of text.split('\r\n').slice(1)) {
    if (line === '') continue
    const colon = line.indexOf(':')
    try {
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
    } catch {
      isExact = false
    }
  }
  return { headers, isExact }
}
