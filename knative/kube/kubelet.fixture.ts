import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import type { Test } from 'tap'

/** What is used of the package ws, which has no types here. */
interface PodSocket {
  send(data: Buffer): void
  close(): void
  on(event: 'message', listener: (data: Buffer) => void): unknown
}
interface SocketServer {
  on(event: 'connection', listener: (socket: PodSocket, request: { url: string }) => void): unknown
}
const { WebSocketServer } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: new (options: object) => SocketServer
}

const PROTOCOL = 'v4.channel.k8s.io'
const DATA = 0
const FAULT = 1

/** The port of a pod, from inside. */
export interface PodPort {
  send(data: Buffer): void
  /** Says that the port can't be reached. */
  fail(why: string): void
  close(): void
  onData(listener: (data: Buffer) => void): void
}

/**
 * A node as the API server sees it, for port-forwarding alone: `serve` gets each connection to a port of a pod. Gives the
 * port that the node listens on; it ends with the test.
 */
export async function startKubelet(
  t: Test,
  certificates: string,
  serve: (port: number, pod: PodPort) => void,
): Promise<number> {
  const [cert, key] = await Promise.all([
    readFile(join(certificates, 'apiserver.crt')),
    readFile(join(certificates, 'apiserver.key')),
  ])
  const server = createServer({ cert, key })
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered: Set<string>) => offered.has(PROTOCOL) && PROTOCOL,
  })
  sockets.on('connection', (socket, { url }) => {
    const port = Number(new URL(url, 'https://node').searchParams.get('port'))
    const start = Buffer.alloc(3)
    start.writeUInt16LE(port, 1)
    for (const channel of [DATA, FAULT]) {
      start[0] = channel
      socket.send(Buffer.from(start))
    }
    serve(port, {
      send: (data) => socket.send(Buffer.concat([Buffer.of(DATA), data])),
      fail: (why) => socket.send(Buffer.concat([Buffer.of(FAULT), Buffer.from(why)])),
      close: () => socket.close(),
      onData: (listener) => void socket.on('message', (message) => listener(message.subarray(1))),
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}
