import type { CloudEvent } from '../../cloudevents/cloudevent.ts'
import { messageOf } from '../../process/errors.ts'
import { REASON_CHARS, cut, type Failure } from '../../guests/abi.ts'
import { ANSWER_BYTES, answerText } from './sink-answer.ts'

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
 * after the time of Retry-After if there is one; anything else, redirections too, is a reject. If the request can't be made,
 * that is a retry with the code INTERNAL, since the sink has nothing to do with it. Never throws.
 */
export async function postToSink(
  uri: string,
  result: CloudEvent,
  timeoutMs: number,
): Promise<Failure | undefined> {
  let target: Target
  let request: Request
  try {
    target = targetOf(uri)
    request = await requestOf(target, result, timeoutMs)
  } catch (thrown) {
    const reason = `the request to the sink could not be made: ${messageOf(thrown)}`
    return { kind: 'retry', code: 'INTERNAL', reason: cut(reason, REASON_CHARS) }
  }
  const answer = await answerOf(request)
  if (typeof answer !== 'string') return sinkFailure(target.url, answer, Date.now())
  return { kind: 'retry', code: 'SINK_UNAVAILABLE', reason: cut(`${target.url} ${answer}`, REASON_CHARS) }
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

async function requestOf(target: Target, result: CloudEvent, timeoutMs: number): Promise<Request> {
  const { binaryHeaders } = await import('./binary-headers.ts') // most runners do not need it
  const { data, trace, attributes } = result
  return new Request(target.url, {
    method: 'POST',
    headers: { ...binaryHeaders(attributes), ...trace, ...target.headers },
    body: data === undefined ? null : Buffer.from(data),
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  })
}

/** The answer to a request, or why there is none. */
async function answerOf(request: Request): Promise<SinkAnswer | string> {
  let response: Response
  try {
    response = await fetch(request)
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
    return `did not answer: ${messageOf(cause)}`
  }
  const retryAfter = response.headers.get('retry-after')
  const bytes = response.ok ? await noBody(response) : await startOfBody(response)
  return { status: response.status, retryAfter, text: answerText(bytes) }
}

async function noBody({ body }: Response): Promise<Uint8Array> {
  await body?.cancel().catch(() => undefined) // the status has come, and that decides
  return new Uint8Array()
}

/** The first bytes of a body, as far as they come before the request's time is over. */
async function startOfBody({ body }: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
      parts.push(part)
      size += part.length
      if (size >= ANSWER_BYTES) break
    }
  } catch {
    // The status has come, and that decides.
  }
  return Buffer.concat(parts).subarray(0, ANSWER_BYTES)
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
