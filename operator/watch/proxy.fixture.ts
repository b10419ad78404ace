import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

import type { Test } from 'tap'

/** A way to a port that can be closed: for those behind it the network is gone, for others nothing has happened. */
export interface Proxy {
  readonly port: number
  /** Cuts all connections, and every new one. */
  close(): void
  open(): void
}

/** Makes an open gate to a port on loopback; it goes with the test. */
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
