import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { messageOf } from '../../process/errors.ts'
import { REASON_CHARS, cut, type Failure } from '../../guests/abi.ts'
import type { NeverSinks } from '../../process/never-sinks.ts'
import { answerText } from './sink-answer.ts'
import type { SinkRequest } from './sink-request.ts'

/** The answer of a sink. */
export interface SinkAnswer {
  readonly status: number
  /** The header Retry-After: seconds or an HTTP date. */
  readonly retryAfter: string | null
  /** What the answer says, in one line; empty if it says nothing. */
  readonly text: string
}

const RETRYABLE_STATUS: readonly number[] = [408, 425, 429]

/**
 * Posts a result to a sink as a CloudEvent in binary mode. 2xx is success; 408, 425, 429, 5xx and no answer are a retry,
 * after the time of Retry-After if there is one; anything else, redirections too, is a reject, and so is an address that
 * never is a sink. If the request can't be made, that is a retry with the code INTERNAL, since the sink has nothing to do
 * with it. Never throws.
 */
export async function postToSink(
  uri: string,
  result: CloudEvent,
  timeoutMs: number,
  never: NeverSinks,
): Promise<Failure | undefined> {
  const { postOnce, NeverSinkError } = await import('./sink-request.ts') // most runners do not need it
  let request: SinkRequest
  try {
    request = await requestOf(uri, result, timeoutMs)
  } catch (thrown) {
    return unsent(thrown)
  }
  const { url } = request
  try {
    const { status, retryAfter, start } = await postOnce(request, never)
    return sinkFailure(url, { status, retryAfter, text: answerText(start) }, Date.now())
  } catch (thrown) {
    if (thrown instanceof TypeError) return unsent(thrown)
    if (!(thrown instanceof NeverSinkError)) return noAnswer(url, thrown)
    const reason = `${url} ${thrown.message}, which never takes results`
    return { kind: 'reject', code: 'SINK_REFUSED', reason: cut(reason, REASON_CHARS) }
  }
}

function unsent(thrown: unknown): Failure {
  const reason = `the request to the sink could not be made: ${messageOf(thrown)}`
  return { kind: 'retry', code: 'INTERNAL', reason: cut(reason, REASON_CHARS) }
}

function noAnswer(url: string, thrown: unknown): Failure {
  // One of an AggregateError has been tried last.
  const cause: unknown = thrown instanceof AggregateError ? (thrown.errors.at(-1) ?? thrown) : thrown
  const reason = `${url} did not answer: ${messageOf(cause)}`
  return { kind: 'retry', code: 'SINK_UNAVAILABLE', reason: cut(reason, REASON_CHARS) }
}

interface Target {
  /** Without a name and a password, so that no reason and no log can show them. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Where to post; a name and a password in the URI become Basic authorization. Throws for what is no URI. Pure. */
function targetOf(uri: string): Target {
  const url = new URL(uri)
  const { username, password } = url
  if (username === '' && password === '') return { url: uri, headers: {} }
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  url.username = ''
  url.password = ''
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  return { url: url.href, headers: { authorization } }
}

async function requestOf(uri: string, result: CloudEvent, timeoutMs: number): Promise<SinkRequest> {
  const { binaryHeaders } = await import('./binary-headers.ts') // most runners do not need it
  const target = targetOf(uri)
  const { data, trace, attributes } = result
  return {
    url: target.url,
    headers: { ...binaryHeaders(attributes), ...trace, ...target.headers },
    body: data === undefined ? new Uint8Array() : Buffer.from(data),
    timeoutMs,
  }
}

/** The failure that a sink's answer means; undefined if it took the result. Pure. */
export function sinkFailure(
  uri: string,
  { status, retryAfter, text }: SinkAnswer,
  nowMs: number,
): Failure | undefined {
  if (status >= 200 && status < 300) return undefined
  const reason = cut(`${uri} answered ${status}${text === '' ? '' : `: ${text}`}`, REASON_CHARS)
  if (status < 500 && !RETRYABLE_STATUS.includes(status))
    return { kind: 'reject', code: 'SINK_REFUSED', reason }
  const afterMs = retryAfterMs(retryAfter, nowMs)
  return { kind: 'retry', code: 'SINK_UNAVAILABLE', reason, ...(afterMs === undefined ? {} : { afterMs }) }
}

const LONGEST_RETRY_AFTER_MS = 86_400_000

function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS)
}
