import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import type { Test } from 'tap'

/** The part of the package ws that is used here; it has no types. */
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

/** One connection to a port of a pod, as the pod sees it. */
export interface PodPort {
  send(data: Buffer): void
  /** Reports that the port can't be reached. */
  fail(why: string): void
  close(): void
  onData(listener: (data: Buffer) => void): void
}

/**
 * Starts a fake kubelet that can only forward ports: `serve` gets each connection to a port of a pod. Gives the port on
 * which the kubelet listens; it stops when the test ends.
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
