import { once } from 'node:events'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { JobicoError } from '../../process/errors.ts'
import { problemResponse } from './responses.ts'

/** Answers what the app never sees: faults that Node's HTTP parser finds, and requests that arrive too slowly. */
export interface ClientErrors {
  /** Remembers a response, so that no later answer is written before it on its connection. */
  track(response: ServerResponse): void
  /** The server's `clientError` handler. */
  handle(fault: Error & { code?: string }, socket: Socket): void
  /** Answers on a connection after the requests that are tracked, and ends it. No more of it is read then. */
  refuse(socket: Socket, error: JobicoError): void
  /** The server's `connect` handler, which refuses: a listener is no proxy. */
  refuseTunnel(request: IncomingMessage, socket: Duplex): void
}

/** How long a connection is still read after its last answer, so that the client can read that answer. */
const LINGER_MS = 1_000

/** Makes the handlers; `onRefused` is called with each error that is answered. */
export function createClientErrors(onRefused: (error: JobicoError) => void): ClientErrors {
  const open = new WeakMap<Socket, Set<ServerResponse>>()
  const ended = new WeakSet<Socket>()

  return {
    track(response) {
      const socket = response.req.socket
      let responses = open.get(socket)
      if (responses === undefined) open.set(socket, (responses = new Set()))
      const tracked = responses.add(response)
      response.once('close', () => tracked.delete(response))
    },
    handle(fault, socket) {
      if (ended.has(socket)) return
      ended.add(socket)
      const pending = [...(open.get(socket) ?? [])]
      const arriving = pending.filter(isArriving)
      const earlier = pending.filter((response) => !isArriving(response))
      if (!socket.writable || fault.code === 'ECONNRESET' || earlier.some(isAnswered)) {
        socket.destroy()
        return
      }
      const error = errorOf(fault)
      onRefused(error)
      void allClosed(earlier).then(() => endWith(error, socket, arriving.length > 0))
    },
    refuse(socket, error) {
      if (ended.has(socket)) return
      ended.add(socket)
      onRefused(error)
      void allClosed([...(open.get(socket) ?? [])]).then(() => endWith(error, socket, true))
    },
    refuseTunnel({ socket: connection }, socket) {
      const error = new JobicoError('METHOD_NOT_ALLOWED', 'CONNECT is not allowed here; allowed is POST')
      socket.on('error', () => undefined)
      onRefused(error)
      void allClosed([...(open.get(connection) ?? [])]).then(() => endWith(error, socket, false))
    },
  }
}

/** Waits until earlier requests are answered, because a later answer would be taken for theirs. */
async function allClosed(earlier: readonly ServerResponse[]): Promise<void> {
  await Promise.all(earlier.map((response) => once(response, 'close')))
}

/** Writes the last answer of a connection. If a request is still arriving, no more of it is read. */
function endWith(error: JobicoError, socket: Duplex, isArriving: boolean): void {
  if (!socket.writable) return
  socket.end(rawAnswer(error), () => {
    if (isArriving) socket.destroy()
  })
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

/** Tells whether a request was answered before all of it arrived: then no other answer can follow. */
function isAnswered({ req, headersSent }: ServerResponse): boolean {
  return !req.complete && headersSent
}

function isArriving({ req, headersSent }: ServerResponse): boolean {
  return !req.complete && !headersSent
}

function errorOf(fault: Error & { code?: string }): JobicoError {
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new JobicoError(
        'TOO_LARGE',
        'the request has more than 200 headers, or more than 64 KiB of them',
        { cause: fault },
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new JobicoError('REQUEST_TIMEOUT', 'the request did not arrive in time', { cause: fault })
    case 'HPE_INVALID_EOF_STATE':
      return new JobicoError('REQUEST_INVALID', 'the request ended before it was complete', { cause: fault })
    default:
      return new JobicoError('REQUEST_INVALID', fault.message, { cause: fault })
  }
}

function rawAnswer(error: JobicoError): string {
  const { status, headers, body } = problemResponse(error)
  const fields = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`
}
