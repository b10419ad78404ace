import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

import type { Test } from 'tap'

/** A TCP proxy that can be closed: its clients then see a network that is gone, other clients of the port notice nothing. */
export interface Proxy {
  readonly port: number
  /** Resets all connections, and every new one. */
  close(): void
  open(): void
}

/** Starts an open proxy to a port on loopback; it stops when the test ends. */
export async function startProxy(t: Test, to: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let isOpen = true
  const server = createServer((near) => {
    if (!isOpen) {
      near.resetAndDestroy()
      return
    }
    const far = connect(to, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  const close = () => {
    isOpen = false
    for (const socket of sockets) socket.resetAndDestroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    close()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, close, open: () => (isOpen = true) }
}
