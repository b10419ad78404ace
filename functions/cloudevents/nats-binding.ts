import { headers, type MsgHdrs } from '@nats-io/transport-node'

import { checkAttributes, type CloudEvent } from './cloudevent.ts'
import { JobicoError } from '../process/errors.ts'
import { percentDecode, percentEncode } from './percent-encoding.ts'

const PREFIX = 'ce-'
/** Headers of the W3C trace context, which are passed on unchanged. */
export const TRACE_HEADERS = ['traceparent', 'tracestate'] as const

/** The headers of an event in binary mode, as the NATS protocol binding of CloudEvents 1.0 says; data is the payload. */
export function eventHeaders({ attributes, trace }: Pick<CloudEvent, 'attributes' | 'trace'>): MsgHdrs {
  const fields = headers()
  for (const name in attributes) fields.set(PREFIX + name, percentEncode(attributes[name] ?? ''))
  for (const name in trace) fields.set(name, trace[name] ?? '')
  return fields
}

/** Reads the event of a message in binary mode. Throws EVENT_INVALID if it carries none. */
export function eventOfMessage(fields: MsgHdrs | undefined, data: Uint8Array): CloudEvent {
  const attributes: [string, string][] = []
  const trace: Record<string, string> = {}
  for (const [name, [value]] of fields ?? []) {
    if (value === undefined) continue
    if (name.startsWith(PREFIX)) attributes.push([name.slice(PREFIX.length), decoded(name, value)])
    else if ((TRACE_HEADERS as readonly string[]).includes(name)) trace[name] = value
  }
  return { attributes: checkAttributes(attributes), data: data.length > 0 ? data : undefined, trace }
}

/** An attribute in the headers of a message that may be no event, decoded if it can be; empty if it is not there. Pure. */
export function rawAttribute(fields: MsgHdrs | undefined, name: string): string {
  const value = fields?.get(PREFIX + name) ?? ''
  return percentDecode(value) ?? value
}

function decoded(name: string, value: string): string {
  const text = percentDecode(value)
  if (text === undefined)
    throw new JobicoError('EVENT_INVALID', `the header ${name} is not percent-encoded UTF-8`)
  return text
}

/** Bytes of a message that are kept for the headers of Jobico and of NATS. */
const MESSAGE_RESERVE = 8 * 1024

/** The most bytes of an event with its headers, or of a request body, if NATS takes messages of `maxPayload` bytes. */
export function sizeLimit(maxPayload: number): number {
  return maxPayload - MESSAGE_RESERVE
}

/** How many bytes the headers take in a NATS message. */
export function headersSize(fields: MsgHdrs): number {
  let size = 'NATS/1.0\r\n\r\n'.length
  for (const [name, values] of fields)
    for (const value of values) size += name.length + value.length + ': \r\n'.length
  return size
}
