import { randomUUID } from 'node:crypto'

import { CloudEvent, HTTP } from 'cloudevents'

import { messageOf } from '../../../functions/process/errors.ts'
import { dataEventType } from '../../../functions/queues/names.ts'
import { percentEncode } from '../../../functions/cloudevents/percent-encoding.ts'

/** Attributes given on the command line. */
export interface GivenAttributes {
  readonly id?: string
  readonly source?: string
  readonly type?: string
}

/** A request that carries one CloudEvent. */
export interface OutgoingEvent {
  readonly headers: Record<string, string>
  readonly body: string
}

/** The source of the events that `jobico send` makes. */
export const DEFAULT_SOURCE = '/jobico/send'

/**
 * The request for a text of JSON. With a member `specversion` it is sent as a structured CloudEvent; else it is data, and
 * sent unchanged in binary mode. Throws an Error if the text is not JSON.
 */
export function outgoingEvent(event: string, text: string, given: GivenAttributes): OutgoingEvent {
  const value = parse(text)
  if (typeof value === 'object' && value !== null && 'specversion' in value)
    return structured(text, value, given)
  const { id = randomUUID(), source = DEFAULT_SOURCE, type = dataEventType(event) } = given
  const attributes = new CloudEvent({ id, source, type, datacontenttype: 'application/json' }, false)
  return { headers: encoded(HTTP.binary(attributes).headers), body: text }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(
      `the data is not JSON (${messageOf(cause)}); strings need quotation marks, as in --data '"text"'`,
      {
        cause,
      },
    )
  }
}

function structured(text: string, value: object, given: GivenAttributes): OutgoingEvent {
  const body = Object.keys(given).length === 0 ? text : JSON.stringify({ ...value, ...given })
  return { headers: { 'content-type': 'application/cloudevents+json' }, body }
}

/** Percent-encodes the attributes, as the HTTP binding requires: the SDK does not, and fetch refuses other values. */
function encoded(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      name.startsWith('ce-') ? percentEncode(String(value)) : String(value),
    ]),
  )
}
