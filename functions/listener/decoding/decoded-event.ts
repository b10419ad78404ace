import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { JobicoError } from '../../process/errors.ts'

/** The most events that one request may bring. */
export const MAX_EVENTS = 1_000

/** An event of a request, and its parsed data; `value` is undefined exactly if the event has no data. */
export interface DecodedEvent {
  readonly event: CloudEvent
  readonly value: unknown
}

/** Checks the number of a request's events. Throws BODY_INVALID for none, and TOO_LARGE for more than MAX_EVENTS. */
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
