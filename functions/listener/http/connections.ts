import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { JobicoError } from '../../process/errors.ts'
import type { ByteBudget } from './byte-budget.ts'
import { asJobicoError } from './problem.ts'

/** What bounds the connections of a listener. */
export interface ConnectionLimits {
  /** The most connections, with requests or without. */
  readonly most: number
  /** Where the memory of headers that arrive comes from. */
  readonly memory: ByteBudget
  /** Answers on a connection after all requests that it has taken, and ends it. */
  readonly refuse: (socket: Socket, error: JobicoError) => void
  /** Called for each request that is taken, before its turn. */
  readonly onRequest: (response: ServerResponse) => void
}

/** Requests of a connection that may be unanswered at the same time. */
const MOST_UNANSWERED = 10
/** How often it is measured what has arrived of headers. */
const MEASURE_MS = 200

interface Client {
  /** The responses of its requests that are not over, in their order. */
  readonly open: ServerResponse[]
  /** How many bytes had been read when the last request was over. */
  readBefore: number
  /** How many bytes it has taken for headers that arrive. */
  charged: number
}

/**
 * Keeps the connections of a server within limits. When there is one more than allowed, the one goes that has been without a
 * complete request for longest; if there is none, the new one. Of each connection, one request at a time gets to the server's
 * handlers, since a client could send hundreds ahead. Call it when all handlers are there.
 */
export function limitConnections(
  server: Server,
  { most, memory, refuse, onRequest }: ConnectionLimits,
): void {
  /** The one whose last request was over first comes first. */
  const clients = new Map<Socket, Client>()
  let measuring: NodeJS.Timeout | undefined

  const measure = () => {
    for (const [socket, client] of clients) if (client.open.length === 0) charge(socket, client)
    if (clients.size > 0) return
    clearInterval(measuring)
    measuring = undefined
  }
  /** Takes the memory of the headers that have arrived. Node says nothing of them before they are complete. */
  const charge = (socket: Socket, client: Client) => {
    const arrived = socket.bytesRead - client.readBefore
    if (arrived <= client.charged) return
    try {
      memory.take(arrived - client.charged, socket)
      memory.mayEvict(socket, (error) => refuse(socket, error))
      client.charged = arrived
    } catch (thrown) {
      memory.release(socket)
      refuse(socket, asJobicoError(thrown))
    }
  }

  server.on('connection', (socket: Socket) => {
    clients.set(socket, { open: [], readBefore: 0, charged: 0 })
    socket.once('close', () => clients.delete(socket))
    measuring ??= setInterval(measure, MEASURE_MS).unref()
    if (clients.size <= most) return
    const longest = [...clients].find(([, { open }]) => !open.some(({ req }) => req.complete))
    ;(longest?.[0] ?? socket).destroy()
  })
  const handlers = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const client = clients.get(socket)
    if (client === undefined || socket.destroyed) return
    const before = client.open[client.open.length - 1]
    if (client.open.length === MOST_UNANSWERED) {
      readNoMore(socket)
      refuse(socket, tooFarAhead())
      return
    }
    client.open.push(response)
    memory.release(socket)
    client.charged = 0
    response.once('close', () => {
      client.open.splice(client.open.indexOf(response), 1)
      if (client.open.length > 0 || !clients.delete(socket)) return
      client.readBefore = socket.bytesRead
      clients.set(socket, client)
    })
    onRequest(response)
    const handle = () => handlers.forEach((each) => each(request, response))
    if (before === undefined) handle()
    else before.once('close', () => request.socket.destroyed || handle())
  })
}

/** What Node's HTTP parser is told, in place of how to go on, to end with an error. */
const NO_MORE = -1

/** Ends the parsing of what was read of a connection already, with which Node would go on otherwise: hundreds of requests. */
function readNoMore({ parser }: Socket & { parser?: { onIncoming: () => number } | null }): void {
  if (parser) parser.onIncoming = () => NO_MORE
}

function tooFarAhead(): JobicoError {
  return new JobicoError(
    'TOO_MANY_REQUESTS',
    `${MOST_UNANSWERED} requests of this connection are not answered yet; send more after their answers`,
  )
}
