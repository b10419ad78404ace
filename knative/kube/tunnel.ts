import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough, Writable } from 'node:stream'

import type { PortConnection, PortStreams } from './access.ts'
import type { Tunnel } from './client.ts'

const CONNECT_TIMEOUT_MS = 15_000
const MAX_FAULT_LENGTH = 1_000
/** The local client is paused while more than this waits to be sent to the pod. */
const MAX_WAITING_BYTES = 1024 * 1024
/** How often a paused client is checked. */
const PAUSE_CHECK_MS = 20
/**
 * Kubernetes can't forward a half-close to the pod. So after the client has ended its side, the connection stays open until
 * the pod has sent nothing for this long.
 */
const HALF_CLOSED_MS = 5_000

/** Opens one connection to the port of the pod. */
export type Connect = (streams: PortStreams) => Promise<PortConnection>

/** A connection to the port of the pod. */
interface Link {
  readonly connection: PortConnection
  readonly input: PassThrough
  /** The data from the pod; ends when the connection is closed. */
  readonly received: PassThrough
  /** The error messages of the node; empty if there are none. */
  faultText(): string
}

/** Opens a local port; each connection to it gets one to the port of the pod. Throws what the first `connect` throws. */
export async function openTunnel(connect: Connect): Promise<Tunnel> {
  // Connects before there is a client, so that a refusal by the API server is known at once. The first client gets the link.
  let prepared: Link | undefined = await openLink(connect)
  let fault: Error | undefined
  const locals = new Set<Socket>()

  const serve = async (local: Socket) => {
    const first = prepared
    prepared = undefined
    const link = first?.received.writableEnded === false ? first : await openLink(connect)
    await join(local, link)
  }
  const server = createServer({ allowHalfOpen: true }, (local) => {
    locals.add(local)
    local.on('close', () => locals.delete(local)).on('error', () => local.destroy())
    serve(local).catch((thrown: unknown) => {
      fault = thrown instanceof Error ? thrown : new Error(String(thrown))
      local.resetAndDestroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    fault: () => fault,
    async close() {
      const closed = once(server, 'close')
      server.close()
      prepared?.connection.close()
      for (const local of locals) local.destroy()
      await closed
    },
  }
}

async function openLink(connect: Connect): Promise<Link> {
  const input = new PassThrough()
  const received = new PassThrough()
  const open: { connection?: PortConnection } = {}
  let faultText = ''
  const output = new Writable({
    // The library ignores backpressure of this stream, so the connection itself is paused.
    write(chunk: Buffer, _encoding, done) {
      if (!received.write(chunk)) open.connection?.setPaused(true)
      done()
    },
  })
  const faults = new Writable({
    write(chunk: Buffer, _encoding, done) {
      faultText = `${faultText}${chunk.toString()}`.slice(0, MAX_FAULT_LENGTH)
      done()
    },
  })
  const connection = await withinTime(connect({ input, output, faults }))
  open.connection = connection
  received.on('drain', () => connection.setPaused(false))
  connection.onClose(() => received.end())
  return { connection, input, received, faultText: () => faultText.trim() }
}

async function withinTime(connecting: Promise<PortConnection>): Promise<PortConnection> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`))
    connecting.then(
      ({ close }) => close(),
      () => undefined,
    )
  }, CONNECT_TIMEOUT_MS)
  try {
    return await Promise.race([connecting, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Forwards data in both directions until one side is closed. Rejects with the node's error message, if there is one. */
async function join(local: Socket, { connection, input, received, faultText }: Link): Promise<void> {
  const pauseWhileFull = () => {
    const full = connection.waitingBytes() > MAX_WAITING_BYTES && !local.destroyed
    if (!full) {
      local.resume()
      return
    }
    local.pause()
    setTimeout(pauseWhileFull, PAUSE_CHECK_MS)
  }
  local.on('data', (chunk: Buffer) => {
    input.write(chunk)
    pauseWhileFull()
  })
  local.on('end', () => {
    const close = setTimeout(connection.close, HALF_CLOSED_MS)
    received.on('data', () => close.refresh()).on('end', () => clearTimeout(close))
    local.on('close', () => clearTimeout(close))
  })
  received.pipe(local, { end: false })
  const ended = Promise.withResolvers<undefined>()
  received.on('end', () => ended.resolve(undefined))
  local.on('close', () => ended.resolve(undefined))
  await ended.promise
  connection.close()
  if (faultText() !== '') throw new Error(faultText())
  local.destroySoon()
}
