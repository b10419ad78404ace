import type { FastifyRequest, onRequestHookHandler } from 'fastify'

import { JobicoError } from '../shared/errors.ts'
import type { Authorize } from './auth.ts'
import type { ListenerMetrics } from './metrics.ts'
import { OPEN_PATHS } from './paths.ts'

/** What decides whether a request is let in. */
export interface Admission {
  readonly maxInFlight: number
  /** Undefined lets everybody in. */
  readonly authorize: Authorize | undefined
  readonly metrics: ListenerMetrics
}

/** The hook that measures each request and lets it in, or fails with REQUEST_INVALID, UNAUTHORIZED or TOO_MANY_REQUESTS. */
export function admission({ maxInFlight, authorize, metrics }: Admission): onRequestHookHandler {
  let inFlight = 0

  const refusal = (request: FastifyRequest): JobicoError | undefined => {
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      return new JobicoError('REQUEST_INVALID', 'the request has no Host header')
    }
    if (isOpen(request)) return undefined
    if (authorize?.(request.headers.authorization) === false) {
      return new JobicoError('UNAUTHORIZED', 'send a valid token as "Authorization: Bearer <token>"')
    }
    if (inFlight < maxInFlight) return undefined
    return new JobicoError('TOO_MANY_REQUESTS', `${maxInFlight} requests are in flight; send again later`)
  }

  return (request, reply, done) => {
    const began = performance.now()
    const refused = refusal(request)
    metrics.began()
    if (refused === undefined) inFlight++
    reply.raw.once('close', () => {
      if (refused === undefined) inFlight--
      const status = reply.raw.writableEnded ? reply.raw.statusCode : 0
      metrics.ended(status, (performance.now() - began) / 1_000)
    })
    done(refused)
  }
}

function isOpen(request: FastifyRequest): boolean {
  return request.method === 'OPTIONS' || OPEN_PATHS.includes(request.routeOptions.url)
}
