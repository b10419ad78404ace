import { checkAttributes, isJsonMediaType } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { decodeUtf8, elementTexts, memberTexts, parseJson } from '../../cloudevents/json.ts'
import { checkCount, type DecodedEvent } from './decoded-event.ts'

type Members = Readonly<Record<string, unknown>>

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const INTEGER = /^-?(?:0|[1-9]\d{0,9})$/
const MIN_INT32 = -(2 ** 31)
const MAX_INT32 = 2 ** 31 - 1
/** Attributes of the specification, all of which travel as JSON strings. */
const CORE = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'datacontenttype',
  'dataschema',
  'subject',
  'time',
])

/** The event of a body in the JSON event format of CloudEvents 1.0. Throws BODY_INVALID, EVENT_INVALID or 415. */
export function decodeStructured(body: Uint8Array): DecodedEvent {
  const text = decodeUtf8(body)
  return decodeObject(parseJson(text), text)
}

/** The events of a body in the JSON batch format, 1 to MAX_EVENTS. Throws as decodeStructured, or TOO_LARGE. */
export function decodeBatch(body: Uint8Array): readonly DecodedEvent[] {
  const text = decodeUtf8(body)
  const batch = parseJson(text)
  if (!Array.isArray(batch)) throw new JobicoError('BODY_INVALID', 'a batch must be a JSON array of events')
  checkCount(batch.length)
  const texts = elementTexts(text)
  return batch.map((element: unknown, index) => {
    try {
      return decodeObject(element, texts[index] ?? '')
    } catch (thrown) {
      if (!(thrown instanceof JobicoError)) throw thrown
      throw new JobicoError(thrown.code, `event ${index}: ${thrown.message}`, { cause: thrown })
    }
  })
}

function decodeObject(event: unknown, text: string): DecodedEvent {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new JobicoError('EVENT_INVALID', 'an event must be a JSON object')
  }
  const members = event as Members
  const texts = memberTexts(text)
  const entries: [string, string][] = []
  for (const name in members) {
    const value = members[name]
    if (name === 'data' || name === 'data_base64' || !isThere(value)) continue
    entries.push([name, attributeText(name, value, texts.get(name) ?? '')])
  }
  const attributes = checkAttributes(entries)
  const mediaType = attributes['datacontenttype']
  const { data, value } = dataOf(members, texts, mediaType)
  return { event: { attributes, data, trace: {} }, value }
}

function attributeText(name: string, value: unknown, text: string): string {
  if (typeof value === 'string') return value
  const shown = JSON.stringify(name.slice(0, 100))
  if (CORE.has(name)) throw new JobicoError('EVENT_INVALID', `${shown} must be a JSON string`)
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number') {
    throw new JobicoError('EVENT_INVALID', `${shown} must be a string, a boolean or an integer`)
  }
  if (!INTEGER.test(text) || value < MIN_INT32 || value > MAX_INT32) {
    throw new JobicoError('EVENT_INVALID', `${shown} must be a whole number of 32 bits`)
  }
  return String(value)
}

interface Data {
  readonly data: Uint8Array | undefined
  readonly value: unknown
}

const NO_DATA: Data = { data: undefined, value: undefined }

/**
 * The data of an event. As with attributes, a member that is null is one that is not there; an event whose data is the
 * JSON value null can be sent in binary mode or as base64.
 */
function dataOf(
  { data: json, data_base64: base64 }: Members,
  texts: ReadonlyMap<string, string>,
  mediaType: string | undefined,
): Data {
  const hasJson = isThere(json)
  const hasBase64 = isThere(base64)
  if (!hasJson && !hasBase64) return NO_DATA
  if (hasJson && hasBase64) {
    throw new JobicoError('EVENT_INVALID', 'an event has either data or data_base64, not both')
  }
  if (mediaType !== undefined && !isJsonMediaType(mediaType)) {
    throw new JobicoError('MEDIA_TYPE_UNSUPPORTED', `the data must be JSON, not ${mediaType.slice(0, 100)}`)
  }
  return hasJson ? { data: Buffer.from(texts.get('data') ?? ''), value: json } : dataOfBase64(base64)
}

/** The JSON format: a member that is null is one that is not there. */
function isThere(member: unknown): boolean {
  return member !== undefined && member !== null
}

function dataOfBase64(base64: unknown): Data {
  const bytes = typeof base64 === 'string' && BASE64.test(base64) ? Buffer.from(base64, 'base64') : undefined
  if (bytes?.toString('base64') !== base64) {
    throw new JobicoError(
      'EVENT_INVALID',
      'data_base64 must be a string of padded base64 (RFC 4648, section 4)',
    )
  }
  if (bytes === undefined || bytes.length === 0) return NO_DATA
  return { data: bytes, value: parseJson(decodeUtf8(bytes)) }
}
