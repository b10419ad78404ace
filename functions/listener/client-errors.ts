import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { JobicoError } from '../shared/errors.ts'
import { problemAnswer } from './answer.ts'

/** Answers what never becomes a request: faults that Node's HTTP parser finds, and requests that arrive too slowly. */
export interface ClientErrors {
  /** Notes a response, so that no answer is written in front of it on its connection. */
  track(response: ServerResponse): void
  /** To be the server's `clientError` handler. */
  handle(fault: Error & { code?: string }, socket: Socket): void
}

/** How long a connection is read on after its last answer, so that the client gets to see that. */
const LINGER_MS = 1_000

/** Makes the handler; `refused` is told of each fault that is answered. */
export function createClientErrors(refused: (error: JobicoError) => void): ClientErrors {
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
      // An earlier request that still waits for its answer would take this one for its own.
      if (!socket.writable || fault.code === 'ECONNRESET' || !pending.every(isArriving)) {
        socket.destroy()
        return
      }
      const error = errorOf(fault)
      refused(error)
      socket.end(rawAnswer(error), () => {
        if (pending.length > 0) socket.destroy()
      })
      setTimeout(() => socket.destroy(), LINGER_MS).unref()
    },
  }
}

function isArriving({ req, headersSent }: ServerResponse): boolean {
  return !req.complete && !headersSent
}

function errorOf(fault: Error & { code?: string }): JobicoError {
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new JobicoError('TOO_LARGE', 'the headers are larger than 64 KiB', { cause: fault })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new JobicoError('REQUEST_TIMEOUT', 'the request did not arrive in time', { cause: fault })
    default:
      return new JobicoError('REQUEST_INVALID', fault.message, { cause: fault })
  }
}

function rawAnswer(error: JobicoError): string {
  const { status, headers, body } = problemAnswer(error)
  const fields = { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`
}
