import { randomUUID } from 'node:crypto'

import { checkAttributes } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import { decodeUtf8, elementTexts, memberTexts, parseJson } from '../../cloudevents/json.ts'
import { dataEventType, jobSource, type EventRef } from '../../queues/names.ts'
import { checkCount, type DecodedEvent } from './decoded-event.ts'
import type { RequestHeaders } from './request-headers.ts'

/** What events that are made from bare data get. */
export interface BareDataDefaults {
  readonly type: string
  readonly source: string
  readonly newId: () => string
  readonly now: () => Date
}

/** The defaults for the event that the listener serves. */
export function bareDataDefaults(ref: EventRef): BareDataDefaults {
  return {
    type: dataEventType(ref.event),
    source: jobSource(ref),
    newId: randomUUID,
    now: () => new Date(),
  }
}

const FORM =
  'without ce- headers, application/json must have the form {"data":[…]}, an array of the data of each event'
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/

/**
 * Makes an event from each item of `{"data":[…]}`. With an Idempotency-Key the ids are `<key>/<index>`, so that sending
 * again gives the same events. Throws BODY_INVALID, REQUEST_INVALID or TOO_LARGE.
 */
export function decodeBareData(
  headers: RequestHeaders,
  body: Uint8Array,
  { type, source, newId, now }: BareDataDefaults,
): readonly DecodedEvent[] {
  const idempotencyKey = readIdempotencyKey(headers)
  const text = decodeUtf8(body)
  const values = items(parseJson(text))
  checkCount(values.length)
  const texts = elementTexts(memberTexts(text).get('data') ?? '')
  const time = now().toISOString()
  return values.map((value, index) => {
    const id = idempotencyKey === undefined ? newId() : `${idempotencyKey}/${index}`
    const attributes = { specversion: '1.0', id, source, type, time, datacontenttype: 'application/json' }
    const event = {
      attributes: checkAttributes(Object.entries(attributes)),
      data: Buffer.from(texts[index] ?? ''),
      trace: {},
    }
    return { event, value }
  })
}

function items(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null || !('data' in value) || !Array.isArray(value.data)) {
    throw new JobicoError('BODY_INVALID', FORM)
  }
  if (Object.keys(value).length > 1) throw new JobicoError('BODY_INVALID', `${FORM}, with no other member`)
  return value.data
}

function readIdempotencyKey(headers: RequestHeaders): string | undefined {
  const values = headers.get('idempotency-key')
  if (values === undefined) return undefined
  const [value = ''] = values
  if (values.length > 1 || !IDEMPOTENCY_KEY.test(value)) {
    throw new JobicoError(
      'REQUEST_INVALID',
      'Idempotency-Key must be there once, with 1 to 200 visible ASCII characters',
    )
  }
  return value
}
