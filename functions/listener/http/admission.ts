import type { IncomingMessage } from 'node:http'

import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'

import { JobicoError } from '../../process/errors.ts'
import type { Authorize } from './auth.ts'
import type { ListenerMetrics } from '../metrics.ts'
import type { LoadLimits } from './load-limits.ts'
import { OPEN_PATHS } from './paths.ts'
import { asJobicoError } from './problem.ts'

/** What admission needs. */
export interface Admission {
  /** Undefined admits everybody. */
  readonly authorize: Authorize | undefined
  readonly metrics: ListenerMetrics
  readonly load: Pick<LoadLimits, 'requests'>
}

/** The most headers of a request. */
export const MAX_HEADERS = 200
/** Memory that a header takes beside its characters. */
const HEADER_BYTES = 64

/**
 * Makes the hook that measures each request and admits it, or fails with REQUEST_INVALID, TOO_LARGE, TOO_MANY_REQUESTS or
 * UNAUTHORIZED.
 */
export function admission({ authorize, metrics, load }: Admission): onRequestHookHandler {
  const errorFor = (request: FastifyRequest): JobicoError | undefined => {
    const fault = framingFault(request.raw)
    if (fault !== undefined) return new JobicoError('REQUEST_INVALID', fault)
    if (request.raw.rawHeaders.length > MAX_HEADERS * 2)
      return new JobicoError('TOO_LARGE', `the request has more than ${MAX_HEADERS} headers`)
    if (isOpen(request)) return undefined
    if (authorize?.(request.headers.authorization) === false) {
      return new JobicoError('UNAUTHORIZED', 'send a valid token as "Authorization: Bearer <token>"')
    }
    return undefined
  }

  return (request, reply, done) => {
    const began = performance.now()
    const refused = errorFor(request) ?? roomFault(request, reply)
    metrics.began()
    reply.raw.once('close', () => {
      const status = reply.raw.writableEnded ? reply.raw.statusCode : 0
      metrics.ended(status, (performance.now() - began) / 1_000)
    })
    done(refused)
  }

  /** Takes the memory of the headers. */
  function roomFault({ raw }: FastifyRequest, reply: FastifyReply): JobicoError | undefined {
    try {
      load.requests.take(memoryOf(raw.rawHeaders), reply.raw)
      return undefined
    } catch (thrown) {
      return asJobicoError(thrown)
    }
  }
}

/** The memory of headers, which are names and values in turn. */
function memoryOf(rawHeaders: readonly string[]): number {
  let bytes = 0
  for (const text of rawHeaders) bytes += text.length
  return bytes + (rawHeaders.length / 2) * HEADER_BYTES
}

/** Finds a fault in a request's framing that Node's parser accepts. */
function framingFault({ headers, httpVersion, rawHeaders }: IncomingMessage): string | undefined {
  if (headers.host === undefined && httpVersion === '1.1') return 'the request has no Host header'
  const coding = headers['transfer-encoding'] ?? 'chunked'
  if (coding.toLowerCase() !== 'chunked') return 'the only Transfer-Encoding that is taken is chunked'
  let hosts = 0
  // Node keeps the first of several Host headers, but a proxy in front of us may have used another.
  for (let at = 0; at < rawHeaders.length; at += 2) if (isHost(rawHeaders[at] ?? '')) hosts++
  return hosts > 1 ? 'the request has more than one Host header' : undefined
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host'
}

function isOpen(request: FastifyRequest): boolean {
  return request.method === 'OPTIONS' || OPEN_PATHS.includes(request.routeOptions.url)
}
