import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Validate } from '../../../schemas/validator.ts'
import { sizeLimit } from '../../cloudevents/nats-binding.ts'
import type { Log } from '../../process/log.ts'
import { JobicoError } from '../../process/errors.ts'
import { eventKey } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { usedRatio, type StorageReport } from '../../storage/report.ts'
import { isVerdict, newestRecord } from '../../outcomes/event-state.ts'
import { checkEvents, type CheckedEvent } from '../storing/check-events.ts'
import { acceptedResponse, verdictResponse, type ResponseParts } from './responses.ts'
import { bareDataDefaults } from '../decoding/bare-data.ts'
import { readBody, type BodyLimits } from './body.ts'
import { decodeRequest } from '../decoding/decode.ts'
import type { StateOptions } from './get-state.ts'
import type { LoadLimits } from './load-limits.ts'
import type { ListenerMetrics } from '../metrics.ts'
import { waitSeconds } from './prefer.ts'
import { openRequests } from '../storing/nats-access.ts'
import { collectHeaders } from '../decoding/request-headers.ts'
import { createStore, type StoredEvent } from '../storing/store.ts'
import { watchVerdict, type VerdictWatch } from '../storing/wait-for-verdict.ts'

/** What accepting events needs. */
export interface PostEventsOptions extends StateOptions {
  readonly validate: Validate
  /** Aborted when the process stops: clients that wait for a result get an answer at once. */
  readonly stopping: AbortSignal
  readonly load: LoadLimits
  /** The report of a server whose disk is nearly full, if there is one. */
  readonly lowStorage: () => StorageReport | undefined
  readonly metrics: ListenerMetrics
  readonly log: Log
}

/** A request and its response. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The prefix of the path that was called, and of the path of the state. */
  readonly prefix: string
}

/**
 * Makes the handler that validates the events of a request, stores all of them, and only then answers. If it does not accept
 * them, it throws JobicoError; then nothing is stored, or sending them again is safe.
 */
export function postEvents(options: PostEventsOptions): (exchange: Exchange) => Promise<ResponseParts> {
  const { ref, validate } = options
  const defaults = bareDataDefaults(ref)
  const store = createStore(ref)

  return async (exchange) => {
    const limit = sizeLimit(openRequests(options.requests).maxPayload())
    assertStorage(options.lowStorage())
    const body = await readBody(exchange.request, limit, limitsOf(exchange))
    const answer = await options.load.handle(() => accept(exchange, body, limit))
    if (typeof answer !== 'function') return answer
    // What is stored need not be held while its outcome is waited for.
    options.load.requests.release(exchange.response)
    return await answer()
  }

  function limitsOf({ response }: Exchange): BodyLimits {
    const { requests, restMs } = options.load
    return {
      take: (bytes) => requests.take(bytes, response),
      arriving: (evict) => requests.mayEvict(response, evict),
      arrived: () => requests.keep(response),
      restMs,
    }
  }

  /** Stores the events of a request; gives the answer, or the function that waits for it. */
  async function accept(exchange: Exchange, body: Uint8Array, limit: number): Promise<Answer> {
    const { rawHeaders } = exchange.request
    const requests = openRequests(options.requests)
    const headers = collectHeaders(rawHeaders)
    const events = checkEvents(decodeRequest({ headers, body }, defaults), validate, limit)
    const storeAll = async () => {
      const stored = await store(requests, events)
      report(stored, options)
      return stored
    }
    const [only] = events
    const seconds = waitSeconds(headers.get('prefer') ?? [])
    if (only === undefined || events.length > 1 || seconds === undefined) {
      return acceptedResponse(await storeAll(), exchange.prefix)
    }
    return await storeBeforeWait(only, { options, requests, exchange, seconds, storeAll })
  }
}

type Answer = ResponseParts | (() => Promise<ResponseParts>)

/** Throws STORAGE_LOW. Which server it is and how large are for those who run it, not for everybody who sends. */
function assertStorage(low: StorageReport | undefined): void {
  if (low === undefined) return
  const percent = Math.round(usedRatio(low.usage) * 100)
  throw new JobicoError(
    'STORAGE_LOW',
    `NATS has used ${percent} % of its disk, so no new events are taken until it has more room; sending again with the same id or Idempotency-Key is safe`,
  )
}

interface Waiting {
  readonly options: PostEventsOptions
  readonly requests: Requests
  readonly exchange: Exchange
  readonly seconds: number
  readonly storeAll: () => Promise<readonly StoredEvent[]>
}

/** Stores an event; gives the function that waits for its verdict, or the answer if there is nothing to wait for. */
async function storeBeforeWait({ event }: CheckedEvent, waiting: Waiting): Promise<Answer> {
  const { options, requests, exchange, seconds } = waiting
  const context = { options, exchange, seconds }
  const key = eventKey(event.attributes.source, event.attributes.id)
  const watch = watchVerdict(requests, options.ref, key)
  try {
    const stored = await storeFirst(key, waiting)
    // Anybody who knows an event's source and id can send it again, so a result that is not exposed is for its first sender.
    const isFirst = stored.every(({ duplicate }) => !duplicate)
    if (isFirst || options.exposeResults)
      return async () => await answerAfterVerdict(watch, stored, context).finally(() => watch.close())
    watch.close()
    return acceptedResponse(stored, exchange.prefix)
  } catch (thrown) {
    watch.close()
    throw thrown
  }
}

/** Waits for the verdict of an event that is stored. If too many wait already, it is accepted, and that is the answer. */
async function answerAfterVerdict(
  watch: VerdictWatch,
  stored: readonly StoredEvent[],
  { options, exchange, seconds }: Pick<Waiting, 'options' | 'exchange' | 'seconds'>,
): Promise<ResponseParts> {
  const accepted = acceptedResponse(stored, exchange.prefix)
  const left = AbortSignal.any([options.stopping, leaving(exchange.response)])
  const waited = await options.load.wait(async () => ({ verdict: await watch.wait(seconds, left) }))
  if (waited === undefined) return accepted
  const answer =
    waited.verdict === undefined ? accepted : verdictResponse(waited.verdict, stored, exchange.prefix)
  return { ...answer, headers: { ...answer.headers, 'preference-applied': `wait=${seconds}` } }
}

/**
 * Stores the event. It is a duplicate also if the queue has forgotten its identity and it has a verdict, because that is the
 * one to be shown.
 */
async function storeFirst(
  key: string,
  { options, requests, storeAll }: Waiting,
): Promise<readonly StoredEvent[]> {
  const newest = await newestRecord(requests, options.ref, key)
  const isKnown = newest !== undefined && isVerdict(newest)
  const stored = await storeAll()
  return stored.map((each) => ({ ...each, duplicate: each.duplicate || isKnown }))
}

/** Aborts when the client has disconnected, or has its answer. */
function leaving(response: ServerResponse): AbortSignal {
  const left = new AbortController()
  if (response.destroyed) left.abort()
  response.once('close', () => {
    left.abort()
  })
  return left.signal
}

function report(stored: readonly StoredEvent[], { log, metrics }: PostEventsOptions): void {
  let duplicates = 0
  for (const { id, key, duplicate } of stored) {
    if (duplicate) duplicates++
    log.info({ key, id, duplicate }, 'Accepted')
  }
  metrics.accepted(stored.length - duplicates, duplicates)
}
