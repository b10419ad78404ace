import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough, Writable } from 'node:stream'

import type { PortConnection, PortStreams } from './access.ts'
import type { Tunnel } from './client.ts'

const CONNECT_TIMEOUT_MS = 15_000
const MAX_FAULT_LENGTH = 1_000
/** So much may wait to be sent to the pod before the local client is held back. */
const MAX_WAITING_BYTES = 1024 * 1024
const HELD_MS = 20
/**
 * Kubernetes can't tell a pod that the client has said its last, so the connection stays open for answers until none has come
 * for this long.
 */
const LAST_ANSWERS_MS = 5_000

/** Connects to the pod's port. */
export type Connect = (streams: PortStreams) => Promise<PortConnection>

/** A connection to the pod's port. */
interface Link {
  readonly connection: PortConnection
  readonly input: PassThrough
  /** What came from the pod; ends when the connection is closed. */
  readonly received: PassThrough
  /** What the node said went wrong; empty while nothing did. */
  faultText(): string
}

/** Opens a local port, each connection to which is one to the pod's. Throws what the first `connect` throws. */
export async function openTunnel(connect: Connect): Promise<Tunnel> {
  // Opened before anybody asks, to hear at once what the API server refuses; the first client gets it.
  let spare: Link | undefined = await openLink(connect)
  let fault: Error | undefined
  const locals = new Set<Socket>()

  const serve = async (local: Socket) => {
    const first = spare
    spare = undefined
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
      spare?.connection.close()
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
    // The library writes without waiting, so the connection itself is held back.
    write(chunk: Buffer, _encoding, done) {
      if (!received.write(chunk)) open.connection?.hold(true)
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
  received.on('drain', () => connection.hold(false))
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

/** Passes all on in both directions until one side is closed. Rejects with what the node said went wrong. */
async function join(local: Socket, { connection, input, received, faultText }: Link): Promise<void> {
  const holdWhileFull = () => {
    const full = connection.waitingBytes() > MAX_WAITING_BYTES && !local.destroyed
    if (!full) {
      local.resume()
      return
    }
    local.pause()
    setTimeout(holdWhileFull, HELD_MS)
  }
  local.on('data', (chunk: Buffer) => {
    input.write(chunk)
    holdWhileFull()
  })
  local.on('end', () => {
    const close = setTimeout(connection.close, LAST_ANSWERS_MS)
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
