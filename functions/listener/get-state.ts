import { JobicoError } from '../shared/errors.ts'
import { isEventKey, type EventRef } from '../shared/names.ts'
import { eventState } from '../shared/state.ts'
import { stateAnswer, type Answer } from './answer.ts'
import { reachable, type Reach } from './reach.ts'

/** What the answer about an event depends on. */
export interface StateOptions {
  readonly ref: EventRef
  readonly requests: Reach
  /** Whether the answer shows the result and all of the error. */
  readonly exposeResults: boolean
}

/** Says what became of an event. Throws NOT_FOUND, or QUEUE_UNAVAILABLE where that can not be told. */
export async function getState({ ref, requests, exposeResults }: StateOptions, key: string): Promise<Answer> {
  if (!isEventKey(key)) throw notFound()
  const state = await eventState(reachable(requests), ref, key)
  if (state.state === 'unknown') throw notFound()
  return stateAnswer(state, { key, event: ref.event }, exposeResults)
}

function notFound(): JobicoError {
  return new JobicoError(
    'NOT_FOUND',
    'no event of this key is known: it was never accepted here, or its outcome is no longer kept',
  )
}
