import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** One message of the NATS client protocol that passes the proxy. */
export interface ProxiedMessage {
  /** Who sent it. */
  readonly from: 'client' | 'server'
  /** PUB, HPUB, MSG, HMSG, or another verb of the protocol. */
  readonly verb: string
  readonly subject: string
  /** The subject for an answer; empty when there is none. */
  readonly reply: string
  readonly payload: Buffer
}

/** Whether a message passes the proxy or is dropped. */
export type Decision = 'pass' | 'drop'

/** A proxy in front of a nats-server that decides about each message. */
export interface Proxy {
  readonly url: string
  /** Calls `judge` for each message from now on. Until then, all messages pass. */
  judge(judge: (message: ProxiedMessage) => Decision): void
  close(): void
}

const LINE_END = Buffer.from('\r\n')
/** The number of sizes and of other fixed words in a line; one word more is the reply subject. */
const SIZES: Readonly<Record<string, { readonly sizes: number; readonly fixed: number }>> = {
  PUB: { sizes: 1, fixed: 1 },
  HPUB: { sizes: 2, fixed: 1 },
  MSG: { sizes: 1, fixed: 2 },
  HMSG: { sizes: 2, fixed: 2 },
}

/**
 * Starts a proxy on loopback in front of the server at a URL. With it, a test can kill a process between two of its
 * messages, without a hook in the process. See the NATS client protocol.
 */
export async function startProxy(serverUrl: string): Promise<Proxy> {
  const { hostname, port } = new URL(serverUrl)
  let judge: (message: ProxiedMessage) => Decision = () => 'pass'
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) sockets.add(socket)
    couple(client, upstream, (message) => judge({ ...message, from: 'client' }))
    couple(upstream, client, (message) => judge({ ...message, from: 'server' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    judge: (next) => {
      judge = next
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

type MessageContent = Omit<ProxiedMessage, 'from'>

function couple(from: Socket, to: Socket, judge: (message: MessageContent) => Decision): void {
  let rest = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let first = frame(rest); first !== undefined; first = frame(rest)) {
      if (judge(first.message) === 'pass') to.write(rest.subarray(0, first.length))
      rest = rest.subarray(first.length)
    }
  })
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

/** The first message in some bytes, and its length; undefined while it is incomplete. */
function frame(bytes: Buffer): { readonly message: MessageContent; readonly length: number } | undefined {
  const end = bytes.indexOf(LINE_END)
  if (end < 0) return undefined
  const [verb = '', ...words] = bytes.toString('latin1', 0, end).split(' ')
  const head = end + LINE_END.length
  const shape = SIZES[verb]
  if (shape === undefined)
    return { message: { verb, subject: '', reply: '', payload: Buffer.alloc(0) }, length: head }
  const size = Number(words.at(-1))
  const length = head + size + LINE_END.length
  if (bytes.length < length) return undefined
  const reply = words.length > shape.fixed + shape.sizes ? (words[shape.fixed] ?? '') : ''
  return {
    message: { verb, subject: words[0] ?? '', reply, payload: bytes.subarray(head, head + size) },
    length,
  }
}
