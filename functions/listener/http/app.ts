import type { Server } from 'node:http'

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import { JobicoError } from '../../process/errors.ts'
import { HEALTH } from '../../process/health.ts'
import type { Log } from '../../process/log.ts'
import { admission, MAX_HEADERS } from './admission.ts'
import { problemResponse } from './responses.ts'
import type { Authorize } from './auth.ts'
import { createClientErrors } from './client-errors.ts'
import { limitConnections } from './connections.ts'
import { createResponseSender, type ResponseSender } from './send-response.ts'
import { getState } from './get-state.ts'
import { createLoadLimits } from './load-limits.ts'
import type { ListenerMetrics } from '../metrics.ts'
import { ALLOW, pathKind, prefixesOf } from './paths.ts'
import { postEvents, type PostEventsOptions } from './post-events.ts'
import { asJobicoError } from './problem.ts'
import { openRequests } from '../storing/nats-access.ts'

/** What the HTTP side of a listener needs. */
export interface AppOptions extends Omit<PostEventsOptions, 'load'> {
  readonly maxInFlight: number
  /** Undefined admits everybody. */
  readonly authorize: Authorize | undefined
  readonly metrics: ListenerMetrics
  readonly log: Log
  /** The most connections, with requests or without. */
  readonly maxConnections: number
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs?: number
}

const REQUEST_TIMEOUT_MS = 20_000
/** Longer than Go's HTTP client, which is also in Knative's queue-proxy, keeps an idle connection: 90 s. */
const KEEP_ALIVE_TIMEOUT_MS = 100_000
const MAX_HEADER_SIZE = 64 * 1024

// Fastify gets this in place of its schema compilers, so that they are not loaded, and bundles do not need them.
const noSchemas = (): never => {
  throw new Error('no route has a schema of its own')
}

/** Builds the HTTP side of a listener. The caller makes it listen, and closes what it has passed in. */
export function createApp(options: AppOptions): FastifyInstance {
  const { log, ref } = options
  const load = createLoadLimits(options.maxInFlight)
  const sender = createResponseSender(load)
  const onRefused = (error: JobicoError) => logRefusal(log, error)
  const clientErrors = createClientErrors(onRefused)
  const answerFault = (thrown: unknown, reply: FastifyReply) => {
    const error = asJobicoError(thrown)
    onRefused(error)
    void sender.send(reply, problemResponse(error))
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
    // While we stop, requests on open connections are still served.
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    clientErrorHandler: (fault, socket) => clientErrors.handle(fault, socket),
    // A request whose path can not be decoded comes here, and no hook is called for it.
    frameworkErrors: (_fault, request, reply) => answerFault(notFound(request.url, ref.event), reply),
  })
  prepareServer(app.server)
  limitConnections(app.server, {
    most: options.maxConnections,
    memory: load.requests,
    refuse: clientErrors.refuse,
    onRequest: clientErrors.track,
  })
  app.server.on('connect', clientErrors.refuseTunnel)
  // The handlers read the bodies themselves, because their size limit is known only once NATS is connected.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.setErrorHandler((thrown, _request, reply) => answerFault(thrown, reply))
  app.setNotFoundHandler((request, reply) => refuseRoute(request, reply, ref.event))
  app.addHook('onRequest', admission({ ...options, load }))
  app.addHook('onClose', (_app, done) => {
    sender.close()
    done()
  })
  addRoutes(app, { ...options, load, sender })
  return app
}

function prepareServer(server: Server): void {
  // Node silently drops the headers beyond this number: one more than is taken, so that admission sees that there are more.
  server.maxHeadersCount = MAX_HEADERS + 1
  // Node would answer an unknown Expect with 417, which no client waits for; RFC 9110, section 10.1.1, lets us ignore it.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
}

interface RouteOptions extends AppOptions, PostEventsOptions {
  readonly sender: ResponseSender
}

function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { load, sender } = options
  const post = postEvents(options)
  for (const prefix of prefixesOf(options.ref.event)) {
    const path = prefix || '/'
    app.post(path, async ({ raw }, reply) => {
      const answer = await post({ request: raw, response: reply.raw, prefix })
      // After this header a client sends no more on a connection that is about to be closed.
      if (options.stopping.aborted) reply.header('connection', 'close')
      return sender.send(reply, answer)
    })
    app.options(path, handshake)
    app.get<{ Params: { key: string } }>(`${prefix}/events/:key`, async ({ params }, reply) =>
      sender.send(reply, await load.look(() => getState(options, params.key))),
    )
  }
  app.get(HEALTH.live, (_request, reply) => reply.send({ status: 'live' }))
  app.get(HEALTH.ready, (_request, reply) => {
    openRequests(options.requests)
    if (options.stopping.aborted) throw new JobicoError('QUEUE_UNAVAILABLE', 'the listener is stopping')
    return reply.send({ status: 'ready' })
  })
  // Knative asks every 50 ms, and each problem document would be logged.
  app.get(HEALTH.started, (_request, reply) => {
    const started = options.requests() !== undefined
    return reply.code(started ? 200 : 503).send({ status: started ? 'started' : 'starting' })
  })
}

/** Answers the validation request of the CloudEvents webhook specification: every origin may send, at any rate. */
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
