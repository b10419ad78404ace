import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { ERROR_CODES, messageOf, type ErrorCode } from '../../../functions/process/errors.ts'
import { createRoute, type Route } from './route.ts'

/** More than the headers that listeners take, so that the answer to too many of them is the listener's. */
const MAX_HEADER_BYTES = 128 * 1024
const RETRY_AFTER_S = 1
/** Headers about one connection, which do not go on to the next (RFC 9110, section 7.6.1), and those that Node makes. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
])

/** Where the gateway listens, and what it says of itself at `GET /`. */
export interface GatewayOptions {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly describe: () => unknown
}

/** One port in front of the listeners of all events. */
export interface Gateway {
  readonly url: string
  /**
   * Serves an event from a loopback port from now on; without a port its requests wait for one for some seconds.
   * Resolves when the port before has no request any more, or after some seconds.
   */
  route(event: string, port: number | undefined): Promise<void>
  /** Serves an event no longer. */
  remove(event: string): void
  /** Takes no more requests, and resolves when those under way have their answers. */
  close(): Promise<void>
  /** Takes no more requests, and drops every connection. */
  kill(): void
}

/**
 * Starts the gateway: `/listener/<event>` and all below goes to the event's listener, with headers and body untouched.
 * Throws an Error that names the fix when it can not listen.
 */
export async function startGateway({ host, port, describe }: GatewayOptions): Promise<Gateway> {
  const routes = new Map<string, Route>()
  const agent = new Agent({ keepAlive: true })
  const options = { maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false }
  const server = createServer(options, (incoming, answer) => {
    const [path = '/'] = (incoming.url ?? '/').split('?', 1)
    if (path === '/' && incoming.method === 'GET') {
      sendJson(answer, 200, 'application/json', describe())
      return
    }
    const route = routes.get(/^\/listener\/([^/]+)/.exec(path)?.[1] ?? '')
    if (route === undefined) sendNotFound(answer, path, [...routes.keys()])
    else void forward({ incoming, answer, agent, route })
  })
  server.maxHeadersCount = 0
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (fault) {
    explain(fault, port)
  }
  const address = server.address() as AddressInfo
  return {
    url: `http://${nameOf(host)}:${address.port}`,
    route(event, target) {
      const route = routes.get(event) ?? createRoute()
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

/** How this machine calls an address that it listens on. */
function nameOf(host: string): string {
  const own = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return own.includes(':') ? `[${own}]` : own
}

function explain(fault: unknown, port: number): never {
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
  pass(exchange, hold.port)
}

function pass({ incoming, answer, agent }: Exchange, port: number): void {
  const onward = request({
    agent,
    host: '127.0.0.1',
    port,
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: endToEnd(incoming.rawHeaders),
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  onward.on('response', (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? '', endToEnd(reply.rawHeaders))
    reply.on('error', () => answer.destroy())
    reply.pipe(answer)
  })
  onward.on('error', (fault) => {
    if (!answer.headersSent) sendUnavailable(answer, `the listener is starting again (${messageOf(fault)})`)
  })
  answer.once('close', () => {
    if (!answer.writableFinished) onward.destroy()
  })
  // A body that is slow to come is the listener's business from the start.
  onward.flushHeaders()
  incoming.pipe(onward)
}

/** Raw headers, names and values in turn, without those that belong to one connection. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (_, index) => !HOP_BY_HOP.has((rawHeaders[index - (index % 2)] ?? '').toLowerCase()),
  )
}

function sendNotFound(answer: ServerResponse, path: string, events: readonly string[]): void {
  const urls = events.map((event) => `/listener/${event}`).join(', ')
  sendProblem(answer, 'NOT_FOUND', `there is nothing at ${path}; the events are at ${urls || '(none yet)'}`)
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
  sendJson(answer, status, 'application/problem+json', { title, status, code, detail })
}

function sendJson(answer: ServerResponse, status: number, mediaType: string, value: unknown): void {
  answer.writeHead(status, { 'content-type': mediaType }).end(`${JSON.stringify(value)}\n`)
}
