import { JobicoError } from '../process/errors.ts'
import { decodeUtf8 } from './json.ts'

/** The context attributes of a CloudEvent 1.0 in their string form, by name. */
export interface Attributes {
  readonly specversion: string
  readonly id: string
  readonly source: string
  readonly type: string
  readonly [name: string]: string
}

/** A CloudEvent as Jobico passes it on: checked attributes, and data as exactly the bytes that were sent. */
export interface CloudEvent {
  readonly attributes: Attributes
  readonly data: Uint8Array | undefined
  /** W3C trace context of the request or message that brought the event: `traceparent` and `tracestate`. */
  readonly trace: Readonly<Record<string, string>>
}

/** An event with its key, so that the key's hash is computed once. */
export type KeyedEvent = CloudEvent & { readonly key: string }

const ATTRIBUTE_NAME = /^[a-z0-9]{1,64}$/
/** What the type system of CloudEvents forbids in a String: control characters, lone surrogates, noncharacters. */
const FORBIDDEN_IN_STRING = /\p{Control}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u
const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:/
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))$/
/** RFC 3339 allows a leap second. */
const MAX_SECOND = 60
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*;.*)?$/

/** Rules for the values of single attributes, by name; each gives what is wrong, or undefined. */
const VALUE_RULES: Readonly<Record<string, (value: string) => string | undefined>> = {
  specversion: (value) =>
    value === '1.0' ? undefined : `must be "1.0", not ${JSON.stringify(value.slice(0, 20))}`,
  source: (value) =>
    URI_REFERENCE.test(value) ? undefined : 'must be a URI reference (RFC 3986), percent-encoded',
  dataschema: (value) =>
    URI_REFERENCE.test(value) && ABSOLUTE_URI.test(value) ? undefined : 'must be an absolute URI',
  time: (value) =>
    isTimestamp(value) ? undefined : 'must be an RFC 3339 timestamp, such as 2026-01-31T12:00:00Z',
  datacontenttype: (value) => (MEDIA_TYPE.test(value) ? undefined : 'must be a media type (RFC 2046)'),
}
/** The most faults that one error names. */
const MAX_FAULTS = 20
const REQUIRED = ['specversion', 'id', 'source', 'type'] as const

/**
 * Checks attributes by the CloudEvents 1.0 specification and returns them. Throws EVENT_INVALID that names the wrong
 * attributes, up to MAX_FAULTS. A name that comes twice in `entries` is a fault, too.
 */
export function checkAttributes(entries: Iterable<readonly [name: string, value: string]>): Attributes {
  const attributes = Object.create(null) as Record<string, string>
  const faults: string[] = []
  for (const [name, value] of entries) {
    const fault = name in attributes ? 'is there twice' : attributeFault(name, value)
    if (fault !== undefined) faults.push(`${name.slice(0, 100)} ${fault}`)
    attributes[name] = value
  }
  for (const name of REQUIRED) if (!(name in attributes)) faults.push(`${name} is missing`)
  if (faults.length > 0) throw invalidAttributes(faults)
  return attributes as Attributes
}

function invalidAttributes(faults: readonly string[]): JobicoError {
  const more = faults.length > MAX_FAULTS ? `; and ${faults.length - MAX_FAULTS} more` : ''
  const shown = faults.slice(0, MAX_FAULTS).join('; ')
  return new JobicoError('EVENT_INVALID', `these attributes are not right: ${shown}${more}`)
}

function attributeFault(name: string, value: string): string | undefined {
  if (!ATTRIBUTE_NAME.test(name)) return 'is no attribute name: use 1 to 64 lower-case letters and digits'
  if (name === 'data') return 'is no attribute name: data goes into the body'
  if (value === '') return 'is empty'
  if (FORBIDDEN_IN_STRING.test(value)) return 'has a character that CloudEvents forbid'
  return Object.hasOwn(VALUE_RULES, name) ? VALUE_RULES[name]?.(value) : undefined
}

/** Tells whether a text is a time of RFC 3339. */
export function isTimestamp(value: string): boolean {
  const parts = RFC3339.exec(value)
    ?.slice(1)
    .map((part) => Number(part || 0))
  if (parts === undefined) return false
  const [year = 0, month = 0, day = 0] = parts
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate()
  const limits = [Infinity, 12, daysInMonth, 23, 59, MAX_SECOND, 23, 59]
  return month >= 1 && day >= 1 && parts.every((part, index) => part <= (limits[index] ?? 0))
}

/** Tells whether a media type is JSON: `application/json`, `text/json` or any `+json`, with any parameters. */
export function isJsonMediaType(mediaType: string): boolean {
  const subtype = MEDIA_TYPE.exec(mediaType)?.[1]?.toLowerCase()
  return subtype !== undefined && (subtype === 'json' || subtype.endsWith('+json'))
}

/** The event in the JSON event format of CloudEvents: JSON data as `data`, other data as `data_base64`. */
export function toStructuredJson(event: CloudEvent): string {
  const { attributes, data } = event
  const head = JSON.stringify(attributes)
  if (data === undefined) return head
  const isJson = isJsonMediaType(attributes['datacontenttype'] ?? 'application/json')
  const member = isJson
    ? `"data":${decodeUtf8(data)}`
    : `"data_base64":${JSON.stringify(Buffer.from(data).toString('base64'))}`
  return `${head.slice(0, -1)},${member}}`
}
