import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'

/** The most events that one request may bring. */
export const MAX_EVENTS = 1_000

/** An event as a request brought it, and its data parsed; `value` is undefined exactly where the event has no data. */
export interface DecodedEvent {
  readonly event: CloudEvent
  readonly value: unknown
}

/** Refuses a request that brings no event, or more than MAX_EVENTS. */
export function checkCount(count: number): void {
  if (count === 0) {
    throw new JobicoError('BODY_INVALID', 'the array is empty; send at least one event')
  }
  if (count > MAX_EVENTS) {
    throw new JobicoError(
      'TOO_LARGE',
      `${count} events are too many for one request; send at most ${MAX_EVENTS}`,
    )
  }
}
