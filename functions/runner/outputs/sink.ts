import type { Attributes, CloudEvent } from '../../cloudevents/cloudevent.ts'
import { percentEncode } from '../../cloudevents/percent-encoding.ts'
import { messageOf } from '../../process/errors.ts'
import type { Failure } from '../../guests/abi.ts'

const RETRYABLE_STATUS: readonly number[] = [408, 425, 429]

/**
 * Posts a result to a sink as a CloudEvent in binary mode. 2xx is success; 408, 425, 429, 5xx and no answer are a retry,
 * after the time of Retry-After if there is one; anything else, redirections too, is a reject. Never throws.
 */
export async function postToSink(
  uri: string,
  result: CloudEvent,
  timeoutMs: number,
): Promise<Failure | undefined> {
  try {
    const { data, trace, attributes } = result
    const { CloudEvent: SdkEvent, HTTP } = await import('cloudevents') // most runners do not need it
    const { headers } = HTTP.binary(new SdkEvent({ ...headerValues(attributes), data: '' }, false))
    const response = await fetch(uri, {
      method: 'POST',
      headers: { ...(headers as Record<string, string>), ...trace },
      body: data === undefined ? null : Buffer.from(data),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
    return sinkFailure(uri, response.status, response.headers.get('retry-after'), Date.now())
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
    return { kind: 'retry', code: 'SINK_UNAVAILABLE', reason: `${uri} did not answer: ${messageOf(cause)}` }
  }
}

/** Percent-encodes the attributes, which the SDK would send as they are. */
function headerValues(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, percentEncode(value)]))
}

/**
 * The failure that a sink's answer means; undefined if it took the result. `retryAfter` is seconds or an HTTP date. Pure.
 */
export function sinkFailure(
  uri: string,
  status: number,
  retryAfter: string | null,
  nowMs: number,
): Failure | undefined {
  if (status >= 200 && status < 300) return undefined
  const reason = `${uri} answered ${status}`
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
