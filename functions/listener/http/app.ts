import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import { JobicoError } from '../../process/errors.ts'
import { HEALTH } from '../../process/health.ts'
import type { Log } from '../../process/log.ts'
import { admission } from './admission.ts'
import { problemResponse } from './responses.ts'
import type { Authorize } from './auth.ts'
import { createClientErrors } from './client-errors.ts'
import { createResponseSender, type ResponseSender } from './send-response.ts'
import { getState } from './get-state.ts'
import { createLoadLimits } from './load-limits.ts'
import type { ListenerMetrics } from '../metrics.ts'
import { ALLOW, pathKind, prefixesOf } from './paths.ts'
import { postEvents, type PostEventsOptions } from './post-events.ts'
import { asJobicoError } from './problem.ts'
import { openRequests } from '../storing/nats-access.ts'

/** What a listener works with. */
export interface AppOptions extends Omit<PostEventsOptions, 'load'> {
  readonly maxInFlight: number
  /** Undefined lets everybody in. */
  readonly authorize: Authorize | undefined
  readonly metrics: ListenerMetrics
  readonly log: Log
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs?: number
}

const REQUEST_TIMEOUT_MS = 20_000
/** Longer than Go's HTTP client, which is also in Knative's queue-proxy, keeps an idle connection: 90 s. */
const KEEP_ALIVE_TIMEOUT_MS = 100_000
const MAX_HEADER_SIZE = 64 * 1024

// Given to Fastify, so that it does not load what it compiles schemas of routes with: bundles do without.
const noSchemas = (): never => {
  throw new Error('no route has a schema of its own')
}

/** Builds the HTTP side of a listener; it listens when told to, and closes nothing that it was given. */
export function createApp(options: AppOptions): FastifyInstance {
  const { log, ref } = options
  const load = createLoadLimits(options.maxInFlight)
  const delivery = createResponseSender(load)
  const refused = (error: JobicoError) => logRefusal(log, error)
  const clientErrors = createClientErrors(refused)
  const answerFault = (thrown: unknown, reply: FastifyReply) => {
    const error = asJobicoError(thrown)
    refused(error)
    void delivery.send(reply, problemResponse(error))
  }
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = options
  const app = fastify({
    http: {
      maxHeaderSize: MAX_HEADER_SIZE,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 500,
      // Node answers a missing Host without a body; our own check gives a problem document.
      requireHostHeader: false,
    },
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // What comes on an open connection while we stop is still served.
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    clientErrorHandler: (fault, socket) => clientErrors.handle(fault, socket),
    // A path that can not be decoded comes here past all hooks.
    frameworkErrors: (_fault, request, reply) => answerFault(notFound(request.url, ref.event), reply),
  })
  // Node would drop headers beyond 2,000 without a word.
  app.server.maxHeadersCount = 0
  app.server.on('connect', clientErrors.refuseTunnel)
  // Node would answer with 417, which no client waits for; what is not known may be passed over (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  // The handlers read the bodies themselves: how long one may be is known only when NATS is.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.setErrorHandler((thrown, _request, reply) => answerFault(thrown, reply))
  app.setNotFoundHandler((request, reply) => refuseRoute(request, reply, ref.event))
  app.addHook('onRequest', (_request, reply, done) => {
    clientErrors.track(reply.raw)
    done()
  })
  app.addHook('onRequest', admission(options))
  app.addHook('onClose', (_app, done) => {
    delivery.close()
    done()
  })
  addRoutes(app, { ...options, load, delivery })
  return app
}

interface RouteOptions extends AppOptions, PostEventsOptions {
  readonly delivery: ResponseSender
}

function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { load, delivery } = options
  const post = postEvents(options)
  for (const prefix of prefixesOf(options.ref.event)) {
    const path = prefix || '/'
    app.post(path, async ({ raw }, reply) => {
      const answer = await post({ request: raw, response: reply.raw, prefix })
      // A client that is told so sends nothing more on a connection that is about to be closed.
      if (options.stopping.aborted) reply.header('connection', 'close')
      return delivery.send(reply, answer)
    })
    app.options(path, handshake)
    app.get<{ Params: { key: string } }>(`${prefix}/events/:key`, async ({ params }, reply) =>
      delivery.send(reply, await load.handle(() => getState(options, params.key))),
    )
  }
  app.get(HEALTH.live, (_request, reply) => reply.send({ status: 'live' }))
  app.get(HEALTH.ready, (_request, reply) => {
    openRequests(options.requests)
    if (options.stopping.aborted) throw new JobicoError('QUEUE_UNAVAILABLE', 'the listener is stopping')
    return reply.send({ status: 'ready' })
  })
  // No problem document, which would be logged: Knative asks every 50 ms.
  app.get(HEALTH.started, (_request, reply) => {
    const started = options.requests() !== undefined
    return reply.code(started ? 200 : 503).send({ status: started ? 'started' : 'starting' })
  })
}

/** The validation request of the CloudEvents webhook specification: every origin may send, at any rate. */
function handshake(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header('allow', ALLOW.events)
  if (request.headers['webhook-request-origin'] === undefined) return reply.code(204).send()
  return reply.headers({ 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*' }).send()
}

function refuseRoute(request: FastifyRequest, reply: FastifyReply, event: string): void {
  const [path = ''] = request.url.split('?', 1)
  const kind = pathKind(path, event)
  if (kind === undefined) throw notFound(path, event)
  reply.header('allow', ALLOW[kind])
  throw new JobicoError(
    'METHOD_NOT_ALLOWED',
    `${request.method} is not allowed here; allowed are ${ALLOW[kind]}`,
  )
}

function notFound(path: string, event: string): JobicoError {
  return new JobicoError(
    'NOT_FOUND',
    `there is nothing at ${path.slice(0, 100)}; this listener serves the event ${event}: POST to /listener/${event}`,
  )
}

function logRefusal(log: Log, error: JobicoError): void {
  if (error.code === 'INTERNAL') log.error({ err: error.cause }, 'Could not handle a request')
  else log.warn({ code: error.code }, 'Refused')
}
