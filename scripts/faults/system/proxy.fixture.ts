import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** One message of NATS's client protocol, as it passes the proxy. */
export interface Passing {
  /** Whether a client sent it, or the server. */
  readonly from: 'client' | 'server'
  /** PUB, HPUB, MSG, HMSG, or anything else that is said. */
  readonly verb: string
  readonly subject: string
  /** The subject that an answer is to be sent to; empty where there is none. */
  readonly reply: string
  readonly payload: Buffer
}

/** What is to happen to a message. */
export type Verdict = 'pass' | 'drop'

/** A way to a nats-server that lets messages through one by one. */
export interface Proxy {
  readonly url: string
  /** Asks about each message from now on; all pass before. */
  judge(judge: (passing: Passing) => Verdict): void
  close(): void
}

const LINE_END = Buffer.from('\r\n')
/** How many words a line has beside its verb, subject and sizes tells whether there is a reply subject. */
const SIZES: Readonly<Record<string, { readonly sizes: number; readonly fixed: number }>> = {
  PUB: { sizes: 1, fixed: 1 },
  HPUB: { sizes: 2, fixed: 1 },
  MSG: { sizes: 1, fixed: 2 },
  HMSG: { sizes: 2, fixed: 2 },
}

/**
 * Starts a proxy on loopback before the server at a URL: by it a test can end a process between two of its messages, with
 * no hook in the process. See the NATS client protocol.
 */
export async function startProxy(serverUrl: string): Promise<Proxy> {
  const { hostname, port } = new URL(serverUrl)
  let judge: (passing: Passing) => Verdict = () => 'pass'
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) sockets.add(socket)
    couple(client, upstream, (passing) => judge({ ...passing, from: 'client' }))
    couple(upstream, client, (passing) => judge({ ...passing, from: 'server' }))
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

type Spoken = Omit<Passing, 'from'>

function couple(from: Socket, to: Socket, judge: (spoken: Spoken) => Verdict): void {
  let rest = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let cut = frame(rest); cut !== undefined; cut = frame(rest)) {
      if (judge(cut.spoken) === 'pass') to.write(rest.subarray(0, cut.length))
      rest = rest.subarray(cut.length)
    }
  })
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

/** The first message of some bytes, and its length; undefined where it is not whole. */
function frame(bytes: Buffer): { readonly spoken: Spoken; readonly length: number } | undefined {
  const end = bytes.indexOf(LINE_END)
  if (end < 0) return undefined
  const [verb = '', ...words] = bytes.toString('latin1', 0, end).split(' ')
  const head = end + LINE_END.length
  const shape = SIZES[verb]
  if (shape === undefined)
    return { spoken: { verb, subject: '', reply: '', payload: Buffer.alloc(0) }, length: head }
  const size = Number(words.at(-1))
  const length = head + size + LINE_END.length
  if (bytes.length < length) return undefined
  const reply = words.length > shape.fixed + shape.sizes ? (words[shape.fixed] ?? '') : ''
  return {
    spoken: { verb, subject: words[0] ?? '', reply, payload: bytes.subarray(head, head + size) },
    length,
  }
}
