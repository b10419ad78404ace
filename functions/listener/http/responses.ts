import { toStructuredJson } from '../../cloudevents/cloudevent.ts'
import { ERROR_CODES, JobicoError } from '../../process/errors.ts'
import { stateJson, type KnownState } from '../../outcomes/event-state.ts'
import type { Verdict } from '../../outcomes/verdict.ts'
import type { StoredEvent } from '../storing/store.ts'

/** An HTTP answer, ready to be sent. */
export interface ResponseParts {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How long a client should wait before it sends again, in seconds, by the status of the answer. */
const RETRY_AFTER: Readonly<Record<number, number>> = { 429: 1, 503: 2 }
/** On the answer about one event: an event of its source and id was accepted before, and the answer is about that one. */
const DUPLICATE = { 'jobico-duplicate': 'true' }
const JSON_TYPE = { 'content-type': 'application/json' }

/** The problem document (RFC 9457) of an error, with the headers that belong to its status. */
export function problemResponse({ code, message, members }: JobicoError): ResponseParts {
  const { status, title } = ERROR_CODES[code]
  const retryAfter = RETRY_AFTER[status]
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="jobico"' } : {}),
    },
    body: JSON.stringify({ title, status, code, detail: message, ...members }),
  }
}

/** The answer once every event of a request is stored; the headers are about a single event. */
export function acceptedResponse(accepted: readonly StoredEvent[], prefix: string): ResponseParts {
  const headers = { ...JSON_TYPE, ...singleHeaders(accepted, prefix) }
  return { status: 202, headers, body: JSON.stringify({ accepted }) }
}

/** Where the state of a single event is, and whether it is a duplicate; none for several events. */
function singleHeaders(accepted: readonly StoredEvent[], prefix: string): Record<string, string> {
  const [only, ...others] = accepted
  if (only === undefined || others.length > 0) return {}
  return { location: `${prefix}/events/${only.key}`, ...(only.duplicate ? DUPLICATE : {}) }
}

/** The answer to a request that waited for the verdict of its one event. */
export function verdictResponse(
  verdict: Verdict,
  accepted: readonly StoredEvent[],
  prefix: string,
): ResponseParts {
  const about = singleHeaders(accepted, prefix)
  if (verdict.kind === 'dead') {
    const key = accepted[0]?.key
    const { code, reason, attempts } = verdict
    const members = { key, error: { code, reason, attempts } }
    const { status, headers, body } = problemResponse(
      new JobicoError('EVENT_DEAD', reason || code, { members }),
    )
    return { status, headers: { ...headers, ...about }, body }
  }
  if (verdict.result.data === undefined) return { status: 204, headers: about, body: '' }
  const headers = { 'content-type': 'application/cloudevents+json', ...about }
  return { status: 200, headers, body: toStructuredJson(verdict.result) }
}

/** The answer about the state of an event, with its result and all of its error only if `exposed`. */
export function stateResponse(
  state: KnownState,
  names: { readonly key: string; readonly event: string },
  exposed: boolean,
): ResponseParts {
  return {
    status: 200,
    headers: JSON_TYPE,
    body: stateJson(names, state, exposed),
  }
}
