import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Keeps the connections of a server to a number. When there is one more, the one goes that has been without a complete
 * request for longest; if there is none, the new one.
 */
export function limitConnections(server: Server, most: number): void {
  /** Those with no complete request, the one that has been so for longest first. */
  const waiting = new Set<Socket>()
  const requests = new Map<Socket, number>()

  server.on('connection', (socket: Socket) => {
    requests.set(socket, 0)
    waiting.add(socket)
    socket.once('close', () => {
      requests.delete(socket)
      waiting.delete(socket)
    })
    if (requests.size <= most) return
    const [longest = socket] = waiting
    longest.destroy()
  })
  server.on('request', ({ socket }, response: ServerResponse) => {
    requests.set(socket, (requests.get(socket) ?? 0) + 1)
    waiting.delete(socket)
    response.once('close', () => {
      const left = (requests.get(socket) ?? 1) - 1
      if (socket.destroyed) return
      requests.set(socket, left)
      if (left === 0) waiting.add(socket)
    })
  })
}
