import type { RequestHeaders } from './request-headers.ts'

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/
const STATE_KEY = String.raw`(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})`
const STATE_VALUE = String.raw`[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]`
const STATE_MEMBER = new RegExp(`^[\\t ]*(?:${STATE_KEY}=${STATE_VALUE})?[\\t ]*$`)
const MAX_STATE_MEMBERS = 32
/** The length up to which the specification demands that a tracestate is passed on. */
const MAX_STATE_LENGTH = 512

/**
 * The W3C trace context of a request. As the specification says, malformed values are ignored and do not make the request
 * fail, and a tracestate counts only with a traceparent.
 */
export function traceContext(headers: RequestHeaders): Readonly<Record<string, string>> {
  const parents = headers.get('traceparent') ?? []
  const [traceparent] = parents
  if (traceparent === undefined || parents.length > 1 || !isTraceparent(traceparent)) return {}
  const tracestate = (headers.get('tracestate') ?? []).join(',')
  return isTracestate(tracestate) ? { traceparent, tracestate } : { traceparent }
}

function isTraceparent(value: string): boolean {
  const match = TRACEPARENT.exec(value)
  // Version 00 has no more fields; later versions may have some.
  return match !== null && value.length <= MAX_STATE_LENGTH && (match[1] !== '00' || match[2] === undefined)
}

function isTracestate(value: string): boolean {
  if (value === '' || value.length > MAX_STATE_LENGTH) return false
  const members = value.split(',')
  return members.length <= MAX_STATE_MEMBERS && members.every((member) => STATE_MEMBER.test(member))
}
