import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { ERROR_CODES, messageOf, type ErrorCode } from '../../../functions/process/errors.ts'
import { isLoopbackHost } from '../loopback.ts'
import { CHALLENGE_HEADER, PROOF_HEADER, type Prover } from '../proof.ts'
import { createRoute, type Route } from './route.ts'
import { strangerFault } from './stranger.ts'

/** More than a listener accepts, so that the listener itself answers a request with too large headers. */
const MAX_HEADER_BYTES = 128 * 1024
const RETRY_AFTER_S = 1
/** Headers of one connection, which a proxy must not forward (RFC 9110, section 7.6.1), and `expect`, which Node handles. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
])

/** Where the gateway listens, and what it answers to `GET /`. */
export interface GatewayOptions {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly describe: () => unknown
  /** Proves that the answer to `GET /` is that of this process. */
  readonly prove: Prover['prove']
}

/** One port in front of the listeners of all events. */
export interface Gateway {
  readonly url: string
  /**
   * Sends the requests of an event to a loopback port from now on. Without a port they wait up to 5 s for one.
   * Resolves when the previous port has no requests left, or after 2 s.
   */
  route(event: string, port: number | undefined): Promise<void>
  /** Stops serving an event. */
  remove(event: string): void
  /** Accepts no more requests, and resolves when all accepted ones are answered. */
  close(): Promise<void>
  /** Accepts no more requests, and closes every connection. */
  kill(): void
}

/**
 * Starts the gateway: it forwards `/listener/<event>` and all paths below to the event's listener, with headers and body
 * unchanged. At a loopback address it refuses what a web page of another place may have made a browser send. If it can not
 * listen, throws an Error that names the fix.
 */
export async function startGateway({ host, port, describe, prove }: GatewayOptions): Promise<Gateway> {
  const routes = new Map<string, Route>()
  let isStarting = true
  const agent = new Agent({ keepAlive: true })
  const options = { maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false }
  const isOpen = !isLoopbackHost(host)
  const server = createServer(options, (incoming, answer) => {
    const stranger = strangerFault(incoming.rawHeaders, isOpen)
    if (stranger === undefined) serve(incoming, answer)
    else sendProblem(answer, 'ORIGIN_REFUSED', stranger)
  })
  const serve = (incoming: IncomingMessage, answer: ServerResponse) => {
    const [path = '/'] = (incoming.url ?? '/').split('?', 1)
    if (path === '/' && incoming.method === 'GET') {
      sendDescription({ incoming, answer, describe, prove })
      return
    }
    const route = routes.get(/^\/listener\/([^/]+)/.exec(path)?.[1] ?? '')
    // A sender gives up at a 404, and tries again after a 503.
    if (route === undefined && isStarting) sendUnavailable(answer, 'no event is served yet')
    else if (route === undefined) sendNotFound(answer, path, [...routes.keys()])
    else void forward({ incoming, answer, agent, route })
  }
  server.maxHeadersCount = 0
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (fault) {
    throwListenError(fault, port)
  }
  const address = server.address() as AddressInfo
  return {
    url: `http://${urlHost(host)}:${address.port}`,
    route(event, target) {
      const route = routes.get(event) ?? createRoute()
      isStarting = false
      routes.set(event, route)
      return route.point(target)
    },
    remove: (event) => void routes.delete(event),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      await closed
      agent.destroy()
    },
    kill() {
      server.close()
      server.closeAllConnections()
      agent.destroy()
    },
  }
}

/** The host for a URL on this machine, given the address to listen on. */
function urlHost(host: string): string {
  const own = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return own.includes(':') ? `[${own}]` : own
}

function throwListenError(fault: unknown, port: number): never {
  const { code } = fault as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    throw new Error(
      `port ${port} is taken by another program; choose another one with --port, such as --port ${port + 1}, or --port 0 for any that is free`,
      { cause: fault },
    )
  if (code === 'EACCES')
    throw new Error(`port ${port} may not be used by this user; choose one above 1023 with --port`, {
      cause: fault,
    })
  throw new Error(`could not listen on port ${port}: ${messageOf(fault)}; choose another --port or --host`, {
    cause: fault,
  })
}

interface Question extends Pick<GatewayOptions, 'describe' | 'prove'> {
  readonly incoming: IncomingMessage
  readonly answer: ServerResponse
}

/** Tells what is served, and proves it to whoever asks for that. */
function sendDescription({ incoming, answer, describe, prove }: Question): void {
  const challenge = incoming.headers[CHALLENGE_HEADER]
  const body = jsonOf(describe())
  if (typeof challenge === 'string') answer.setHeader(PROOF_HEADER, prove(challenge, body))
  send(answer, 200, 'application/json', body)
}

interface Exchange {
  readonly incoming: IncomingMessage
  readonly answer: ServerResponse
  readonly agent: Agent
  readonly route: Route
}

async function forward(exchange: Exchange): Promise<void> {
  const { incoming, answer, route } = exchange
  const hold = await route.take()
  if (hold === undefined) {
    sendUnavailable(answer, 'the listener is starting')
    return
  }
  answer.once('close', hold.release)
  if (incoming.destroyed) return
  proxy(exchange, hold.port)
}

function proxy({ incoming, answer, agent }: Exchange, port: number): void {
  const upstream = request({
    agent,
    host: '127.0.0.1',
    port,
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: endToEnd(incoming.rawHeaders),
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  upstream.on('response', (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? '', endToEnd(reply.rawHeaders))
    reply.on('error', () => answer.destroy())
    reply.pipe(answer)
  })
  upstream.on('error', (fault) => {
    if (!answer.headersSent) sendUnavailable(answer, `the listener is starting again (${messageOf(fault)})`)
  })
  answer.once('close', () => {
    if (!answer.writableFinished) upstream.destroy()
  })
  // Sends the headers now, so that the listener can time a slow body itself.
  upstream.flushHeaders()
  incoming.pipe(upstream)
}

/** Removes the headers of one connection from raw headers, which are names and values in turn. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (_, index) => !HOP_BY_HOP.has((rawHeaders[index - (index % 2)] ?? '').toLowerCase()),
  )
}

function sendNotFound(answer: ServerResponse, path: string, events: readonly string[]): void {
  const urls = events.map((event) => `/listener/${event}`).join(', ')
  sendProblem(answer, 'NOT_FOUND', `there is nothing at ${path}; the events are at ${urls || '(none)'}`)
}

function sendUnavailable(answer: ServerResponse, why: string): void {
  answer.setHeader('retry-after', RETRY_AFTER_S)
  sendProblem(
    answer,
    'QUEUE_UNAVAILABLE',
    `${why}; sending again with the same id or Idempotency-Key is safe`,
  )
}

function sendProblem(answer: ServerResponse, code: ErrorCode, detail: string): void {
  const { status, title } = ERROR_CODES[code]
  send(answer, status, 'application/problem+json', jsonOf({ title, status, code, detail }))
}

function jsonOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function send(answer: ServerResponse, status: number, mediaType: string, body: string): void {
  answer.writeHead(status, { 'content-type': mediaType }).end(body)
}
