import type { MsgHdrs } from '@nats-io/transport-node'

import { BUDGET_FIX, isSpent, MAX_STEPS, newBudget, type Validate } from '../../../schemas/validator.ts'
import { eventHeaders, headersSize } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'
import type { DecodedEvent } from '../decoding/decoded-event.ts'

/** The most faults that one answer lists. */
const MAX_FAULTS = 100
/** The most bytes of an event's headers, so that Jobico's own headers still fit beside them. */
const MAX_HEADERS = 48 * 1024

const NO_DATA = [{ pointer: '', detail: 'the event has no data' }]

/** One fault in the data of one event of a request. */
export interface DataFault {
  readonly index: number
  readonly pointer: string
  readonly detail: string
}

/** An event that may be stored, and its headers. */
export interface CheckedEvent {
  readonly event: CloudEvent
  readonly headers: MsgHdrs
}

/**
 * Checks every event of a request before any is stored. Throws DATA_INVALID with the member `errors`, or TOO_LARGE when
 * an event with its headers has more than `limit` bytes, or when checking the data takes too long.
 */
export function checkEvents(
  decoded: readonly DecodedEvent[],
  validate: Validate,
  limit: number,
): readonly CheckedEvent[] {
  const faults = dataFaults(decoded, validate)
  if (faults.length > 0) throw dataInvalid(faults)
  return decoded.map(({ event }) => ({ event, headers: boundedHeaders(event, limit) }))
}

function dataFaults(decoded: readonly DecodedEvent[], validate: Validate): readonly DataFault[] {
  const faults: DataFault[] = []
  // One budget for all, so that many events take no longer to check than one event of the same size.
  const budget = newBudget()
  for (const [index, { event, value }] of decoded.entries()) {
    const found = event.data === undefined ? NO_DATA : validate(value, budget)
    // Nobody knows then whether the data matches, so DATA_INVALID, which means that it never will, would be wrong.
    if (isSpent(budget)) throw tooCostly()
    for (const { pointer, detail } of found) faults.push({ index, pointer, detail })
    if (faults.length >= MAX_FAULTS) break
  }
  return faults.slice(0, MAX_FAULTS)
}

function tooCostly(): JobicoError {
  const why = `checking the data against the schema takes more than ${MAX_STEPS} steps`
  return new JobicoError('TOO_LARGE', `${why}; ${BUDGET_FIX}`)
}

function boundedHeaders(event: CloudEvent, limit: number): MsgHdrs {
  const headers = eventHeaders(event)
  const headersBytes = headersSize(headers)
  if (headersBytes > MAX_HEADERS) {
    throw new JobicoError('TOO_LARGE', `the attributes take ${headersBytes} bytes, more than ${MAX_HEADERS}`)
  }
  const bytes = headersBytes + (event.data?.length ?? 0)
  if (bytes > limit) throw new JobicoError('TOO_LARGE', `the event takes ${bytes} bytes, more than ${limit}`)
  return headers
}

function dataInvalid(errors: readonly DataFault[]): JobicoError {
  const [first] = errors
  const more = errors.length > 1 ? `, and ${errors.length - 1} more in errors` : ''
  const where = first?.pointer === '' ? '' : `${first?.pointer ?? ''} `
  return new JobicoError(
    'DATA_INVALID',
    `event ${first?.index ?? 0}: ${where}${first?.detail ?? ''}${more}`,
    {
      members: { errors },
    },
  )
}
