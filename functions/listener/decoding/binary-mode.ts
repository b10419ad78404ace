import { checkAttributes, isJsonMediaType } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { decodeUtf8, parseJson } from '../../cloudevents/json.ts'
import { percentDecode } from '../../cloudevents/percent-encoding.ts'
import type { DecodedEvent } from './decoded-event.ts'
import type { RequestHeaders } from './request-headers.ts'

/** The prefix of headers that carry attributes. */
export const CE_PREFIX = 'ce-'

const NOT_PRINTABLE = /[^\x20-\x7e]/
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/

/**
 * Decodes a request in binary mode, as the HTTP protocol binding of CloudEvents 1.0 says; the Content-Type becomes
 * `datacontenttype`. Throws EVENT_INVALID, BODY_INVALID, or MEDIA_TYPE_UNSUPPORTED for data that is not JSON.
 */
export function decodeBinary(headers: RequestHeaders, body: Uint8Array): DecodedEvent {
  const attributes: [string, string][] = []
  for (const [header, values] of headers) {
    if (!header.startsWith(CE_PREFIX)) continue
    attributes.push([header.slice(CE_PREFIX.length), attributeValue(header, values)])
  }
  const contentType = headers.get('content-type')?.[0]
  if (contentType !== undefined && !isJsonMediaType(contentType)) {
    throw new JobicoError('MEDIA_TYPE_UNSUPPORTED', `the data must be JSON, not ${contentType.slice(0, 100)}`)
  }
  // HTTP allows a tab for a blank, and CloudEvents do not.
  if (contentType !== undefined) attributes.push(['datacontenttype', contentType.replaceAll('\t', ' ')])
  const hasData = body.length > 0
  const event = { attributes: checkAttributes(attributes), data: hasData ? body : undefined, trace: {} }
  return { event, value: hasData ? parseJson(decodeUtf8(body)) : undefined }
}

function attributeValue(header: string, values: readonly string[]): string {
  const [value = ''] = values
  if (header === 'ce-datacontenttype') throw invalid(header, 'is not allowed: Content-Type says it')
  if (values.length > 1) throw invalid(header, 'is there twice')
  if (NOT_PRINTABLE.test(value)) throw invalid(header, 'has characters that must be percent-encoded')
  const decoded = percentDecode(unquoted(header, value))
  if (decoded === undefined)
    throw invalid(header, 'is not percent-encoded UTF-8; a percent sign itself is sent as %25')
  return decoded
}

/** Older versions of the binding let senders put a value in double quotes instead of percent-encoding it. */
function unquoted(header: string, value: string): string {
  if (!value.includes('"')) return value
  const inner = QUOTED.exec(value)?.[1]
  if (inner === undefined) throw invalid(header, 'has a stray double quote; send it as %22')
  return inner.replace(/\\(.)/g, '$1')
}

function invalid(header: string, problem: string): JobicoError {
  return new JobicoError('EVENT_INVALID', `the header ${header.slice(0, 100)} ${problem}`)
}
