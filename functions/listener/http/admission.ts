import type { IncomingMessage } from 'node:http'

import type { FastifyRequest, onRequestHookHandler } from 'fastify'

import { JobicoError } from '../../process/errors.ts'
import type { Authorize } from './auth.ts'
import type { ListenerMetrics } from '../metrics.ts'
import { OPEN_PATHS } from './paths.ts'

/** What admission needs. */
export interface Admission {
  /** Undefined admits everybody. */
  readonly authorize: Authorize | undefined
  readonly metrics: ListenerMetrics
}

/** Makes the hook that measures each request and admits it, or fails with REQUEST_INVALID or UNAUTHORIZED. */
export function admission({ authorize, metrics }: Admission): onRequestHookHandler {
  const errorFor = (request: FastifyRequest): JobicoError | undefined => {
    const fault = framingFault(request.raw)
    if (fault !== undefined) return new JobicoError('REQUEST_INVALID', fault)
    if (isOpen(request)) return undefined
    if (authorize?.(request.headers.authorization) === false) {
      return new JobicoError('UNAUTHORIZED', 'send a valid token as "Authorization: Bearer <token>"')
    }
    return undefined
  }

  return (request, reply, done) => {
    const began = performance.now()
    const refused = errorFor(request)
    metrics.began()
    reply.raw.once('close', () => {
      const status = reply.raw.writableEnded ? reply.raw.statusCode : 0
      metrics.ended(status, (performance.now() - began) / 1_000)
    })
    done(refused)
  }
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
