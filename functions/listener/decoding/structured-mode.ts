import { checkAttributes, isJsonMediaType } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { isExactNumber } from '../../cloudevents/exact-number.ts'
import { decodeUtf8, elementTexts, memberTexts, parseJson } from '../../cloudevents/json.ts'
import { checkCount, type DecodedEvent } from './decoded-event.ts'

type Members = Readonly<Record<string, unknown>>

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const INTEGER = /^-?(?:0|[1-9]\d{0,9})$/
const MIN_INT32 = -(2 ** 31)
const MAX_INT32 = 2 ** 31 - 1
/** Attributes of the specification, which must all be JSON strings. */
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

/** Decodes an event in the JSON format of CloudEvents 1.0. Throws BODY_INVALID, EVENT_INVALID or MEDIA_TYPE_UNSUPPORTED. */
export function decodeStructured(body: Uint8Array): DecodedEvent {
  const text = decodeUtf8(body)
  return decodeObject(parseJson(text), text)
}

/** Decodes 1 to MAX_EVENTS events in the JSON batch format. Throws as decodeStructured, or TOO_LARGE. */
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
  const number = isExactNumber(value) ? Number(text) : value
  if (typeof number !== 'number') {
    throw new JobicoError('EVENT_INVALID', `${shown} must be a string, a boolean or an integer`)
  }
  if (!INTEGER.test(text) || number < MIN_INT32 || number > MAX_INT32) {
    throw new JobicoError('EVENT_INVALID', `${shown} must be a whole number of 32 bits`)
  }
  return String(number)
}

interface Data {
  readonly data: Uint8Array | undefined
  readonly value: unknown
}

const NO_DATA: Data = { data: undefined, value: undefined }

/**
 * The data of an event. A member that is null counts as missing, as with attributes. To send the JSON value null as data, a
 * client uses binary mode or base64.
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

/** In the JSON format a member that is null counts as missing. */
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
