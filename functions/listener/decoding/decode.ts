import { JobicoError } from '../../process/errors.ts'
import { decodeBareData, type BareDataDefaults } from './bare-data.ts'
import { CE_PREFIX, decodeBinary } from './binary-mode.ts'
import type { DecodedEvent } from './decoded-event.ts'
import { isUtf8, parseMediaType, type MediaType } from './media-type.ts'
import type { RequestHeaders } from './request-headers.ts'
import { decodeBatch, decodeStructured } from './structured-mode.ts'
import { traceContext } from './trace-context.ts'

/** The headers and the body of an HTTP request. */
export interface EventRequest {
  readonly headers: RequestHeaders
  readonly body: Uint8Array
}

const STRUCTURED = 'application/cloudevents+json'
const BATCH = 'application/cloudevents-batch+json'
const CLOUDEVENTS = /^application\/cloudevents(?:-batch)?(?:\+|$)/

/**
 * Decodes the events of a request, 1 to MAX_EVENTS, and gives them its trace context. It checks them by the CloudEvents
 * specification, but not by the schema, nor whether they have data. Throws JobicoError with the code of the answer.
 */
export function decodeRequest(request: EventRequest, defaults: BareDataDefaults): readonly DecodedEvent[] {
  const mediaType = requestMediaType(request)
  const decoded = decodeBody(request, mediaType?.essence ?? '', defaults)
  const trace = traceContext(request.headers)
  return decoded.map(({ event, value }) => ({ event: { ...event, trace }, value }))
}

function decodeBody(
  { headers, body }: EventRequest,
  essence: string,
  defaults: BareDataDefaults,
): readonly DecodedEvent[] {
  if (essence === STRUCTURED) return [decodeStructured(body)]
  if (essence === BATCH) return decodeBatch(body)
  if (CLOUDEVENTS.test(essence)) {
    throw unsupported(`${essence.slice(0, 100)} is not taken; of CloudEvents, send ${STRUCTURED} or ${BATCH}`)
  }
  if (hasAttributes(headers)) return [decodeBinary(headers, body)]
  if (essence === 'application/json') return decodeBareData(headers, body, defaults)
  throw unsupported(
    `without ce- headers the Content-Type must be ${STRUCTURED}, ${BATCH} or application/json, not ${essence.slice(0, 100) || 'missing'}`,
  )
}

/** The media type of the body; undefined without a Content-Type, which is allowed only without a body. */
function requestMediaType({ headers, body }: EventRequest): MediaType | undefined {
  const encoding = headers.get('content-encoding')?.join(',') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw unsupported(
      `bodies with Content-Encoding are not taken; send the body as it is, not ${encoding.slice(0, 100)}`,
    )
  }
  const values = headers.get('content-type') ?? []
  const [value] = values
  if (value === undefined) {
    if (body.length === 0) return undefined
    throw unsupported('the body has no Content-Type; for JSON data send application/json')
  }
  const mediaType = values.length === 1 ? parseMediaType(value) : undefined
  if (mediaType === undefined) throw unsupported('the Content-Type is not exactly one media type (RFC 9110)')
  if (!isUtf8(mediaType)) throw unsupported('the charset must be utf-8')
  return mediaType
}

function hasAttributes(headers: RequestHeaders): boolean {
  for (const name of headers.keys()) if (name.startsWith(CE_PREFIX)) return true
  return false
}

function unsupported(detail: string): JobicoError {
  return new JobicoError('MEDIA_TYPE_UNSUPPORTED', detail)
}
