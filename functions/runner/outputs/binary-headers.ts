import { CloudEvent, HTTP } from 'cloudevents'

import type { Attributes } from '../../cloudevents/cloudevent.ts'
import { percentEncode } from '../../cloudevents/percent-encoding.ts'

/** The headers of an event with these attributes in the binary mode of HTTP. */
export function binaryHeaders(attributes: Attributes): Record<string, string> {
  const encoded = Object.entries(attributes).map(([name, value]) => [name, percentEncode(value)] as const)
  // The SDK would send attributes as they are, and refuses some events without data.
  const event = new CloudEvent({ ...Object.fromEntries(encoded), data: '' }, false)
  return HTTP.binary(event).headers as Record<string, string>
}
