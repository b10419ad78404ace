import { JobicoError } from '../../process/errors.ts'
import { isEventKey, type EventRef } from '../../queues/names.ts'
import { eventState } from '../../outcomes/event-state.ts'
import { stateResponse, type ResponseParts } from './responses.ts'
import { openRequests, type NatsAccess } from '../storing/nats-access.ts'

/** What an answer about an event's state needs. */
export interface StateOptions {
  readonly ref: EventRef
  readonly requests: NatsAccess
  /** Whether the answer shows the result and all of the error. */
  readonly exposeResults: boolean
}

/** Answers with the state of an event. Throws NOT_FOUND, or QUEUE_UNAVAILABLE if the state can not be read. */
export async function getState(
  { ref, requests, exposeResults }: StateOptions,
  key: string,
): Promise<ResponseParts> {
  if (!isEventKey(key)) throw notFound()
  const state = await eventState(openRequests(requests), ref, key)
  if (state.state === 'unknown') throw notFound()
  return stateResponse(state, { key, event: ref.event }, exposeResults)
}

function notFound(): JobicoError {
  return new JobicoError(
    'NOT_FOUND',
    'no event of this key is known: it was sent to another event, or with another source or id, or its outcome is no longer kept (queue.doneRetentionSeconds, queue.deadRetentionSeconds); to run it again, send it again',
  )
}
