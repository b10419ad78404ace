import {
  jetstreamManager,
  JetStreamApiError,
  JetStreamError,
  type JetStreamManager,
} from '@nats-io/jetstream'
import { jserrors } from '@nats-io/jetstream/internal'
import { errors, type NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'

/** How long a question to JetStream waits for its answer. */
export const ANSWER_MS = 5_000
/** What every client of JetStream is told: a limit for each request, and not to ask anything on its own. */
export const JETSTREAM_OPTIONS = { timeout: ANSWER_MS, checkAPI: false } as const

const NOT_FOUND: readonly number[] = [10059, 10014]
/** JetStream is there, but can't say right now. */
const UNAVAILABLE = 503
const SILENCES = [
  errors.AuthorizationError,
  errors.ClosedConnectionError,
  errors.ConnectionError,
  errors.DrainingConnectionError,
  errors.NoRespondersError,
  errors.PermissionViolationError,
  errors.RequestError,
  errors.TimeoutError,
  JetStreamError,
  jserrors.JetStreamNotEnabled,
]

/** JetStream's own questions, on a connection. */
export function manage(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, JETSTREAM_OPTIONS)
}

/**
 * The answer to a question. Throws QUEUE_UNAVAILABLE when there is none, and STREAM_REFUSED with the server's words, and
 * with what the question was about where that is told.
 */
export async function answerTo<T>(question: Promise<T>, about = 'what was asked'): Promise<T> {
  try {
    return await question
  } catch (thrown) {
    throw natsFault(thrown, about)
  }
}

/** As answerTo; undefined when what the question is about is not there. */
export async function answerIfThere<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && NOT_FOUND.includes(thrown.code)) return undefined
    throw natsFault(thrown, 'what was asked')
  }
}

/** What a fault of the client or of the server is to us. What is neither stays as it is. */
function natsFault(thrown: unknown, about: string): unknown {
  if (thrown instanceof JetStreamApiError && thrown.status !== UNAVAILABLE)
    return new JobicoError('STREAM_REFUSED', `NATS refused ${about}: ${thrown.message}`, { cause: thrown })
  if (thrown instanceof JetStreamApiError || SILENCES.some((silence) => thrown instanceof silence))
    return new JobicoError(
      'QUEUE_UNAVAILABLE',
      `NATS gave no answer (${(thrown as Error).message}); see that it runs and can be reached`,
      { cause: thrown },
    )
  return thrown
}

/** Everything that a list of JetStream's has, over all its pages. */
export async function allOf<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/** How many messages a stream has on each subject that matches; undefined when it is not there. Reads no message. */
export async function subjectsIn(
  manager: JetStreamManager,
  stream: string,
  filter: string,
): Promise<ReadonlyMap<string, number> | undefined> {
  const info = await answerIfThere(manager.streams.info(stream, { subjects_filter: filter }))
  return info && new Map(Object.entries(info.state.subjects ?? {}))
}
