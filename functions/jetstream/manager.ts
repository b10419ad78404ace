import {
  jetstreamManager,
  JetStreamApiError,
  JetStreamError,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream'
import { jserrors } from '@nats-io/jetstream/internal'
import { errors, type NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'

/** How long a request to the JetStream API waits for its answer. */
export const ANSWER_MS = 5_000
/** Options of every JetStream client: a time limit for each request, and no request of its own at the start. */
export const JETSTREAM_OPTIONS = { timeout: ANSWER_MS, checkAPI: false } as const

const NOT_FOUND: readonly number[] = [10059, 10014]
/** JetStream answers, but can not serve the request now. */
const UNAVAILABLE = 503
/** Errors of the client that mean that no answer came. */
const NO_ANSWER = [
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

/** The JetStream API on a connection. */
export function manage(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, JETSTREAM_OPTIONS)
}

/**
 * Waits for the answer to a request. Throws QUEUE_UNAVAILABLE if none comes, and STREAM_REFUSED with the server's words if
 * NATS refuses; `about` says in that message what was refused.
 */
export async function answerTo<T>(request: Promise<T>, about = 'the request'): Promise<T> {
  try {
    return await request
  } catch (thrown) {
    throw natsFault(thrown, about)
  }
}

/** As answerTo; undefined if the stream, consumer or message that was asked for does not exist. */
export async function answerIfThere<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && NOT_FOUND.includes(thrown.code)) return undefined
    throw natsFault(thrown, 'the request')
  }
}

/** Turns an error of the client or of the server into a JobicoError; any other error stays as it is. */
function natsFault(thrown: unknown, about: string): unknown {
  if (thrown instanceof JetStreamApiError && thrown.status !== UNAVAILABLE)
    return new JobicoError('STREAM_REFUSED', `NATS refused ${about}: ${thrown.message}`, { cause: thrown })
  if (thrown instanceof JetStreamApiError || NO_ANSWER.some((each) => thrown instanceof each))
    return new JobicoError(
      'QUEUE_UNAVAILABLE',
      `NATS gave no answer (${(thrown as Error).message}); see that it runs and can be reached`,
      { cause: thrown },
    )
  return thrown
}

/** All items of a list of JetStream, over all its pages. */
export async function allOf<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/**
 * The streams of a server. With `isWanted` only those with such names: of the others no more than the name is sent, which is
 * little even where there are thousands.
 */
export async function streamsOf(
  manager: JetStreamManager,
  isWanted?: (name: string) => boolean,
): Promise<readonly StreamInfo[]> {
  if (isWanted === undefined) return await answerTo(allOf(manager.streams.list()))
  const wanted = (await answerTo(allOf(manager.streams.names()))).filter(isWanted)
  const infos: StreamInfo[] = []
  for (const name of wanted) {
    const info = await answerIfThere(manager.streams.info(name))
    if (info !== undefined) infos.push(info)
  }
  return infos
}

/** How many messages a stream has on each subject that matches; undefined if it does not exist. Reads no message. */
export async function subjectsIn(
  manager: JetStreamManager,
  stream: string,
  filter: string,
): Promise<ReadonlyMap<string, number> | undefined> {
  const info = await answerIfThere(manager.streams.info(stream, { subjects_filter: filter }))
  return info && new Map(Object.entries(info.state.subjects ?? {}))
}

/** The clock of the NATS server in milliseconds since the epoch, by its difference to this machine's in a fresh answer. */
export function clockOf({ ts }: StreamInfo): () => number {
  const ahead = ts === undefined ? 0 : Date.parse(ts) - Date.now()
  return () => Date.now() + ahead
}
