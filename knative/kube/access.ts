import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable, Writable } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'

import type { ObjectName } from './object.ts'

/** How long an idle connection is kept: less than servers and proxies keep it. */
const IDLE_CONNECTION_MS = 30_000

/** How a request is authenticated and sent. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly agent: HttpAgent
}

/** The local streams of one connection to a port of a pod. */
export interface PortStreams {
  readonly input: Readable
  readonly output: Writable
  /** Receives the error messages of the node, as text. */
  readonly faults: Writable
}

/** An open connection to a pod's port. */
export interface PortConnection {
  /** How many bytes of the input wait to be sent. */
  waitingBytes(): number
  /** Pauses or resumes the output. */
  setPaused(paused: boolean): void
  onClose(listener: () => void): void
  close(): void
}

/** Connects to a port of a pod. Throws when the API server refuses. */
export type ForwardPort = (pod: ObjectName, port: number, streams: PortStreams) => Promise<PortConnection>

/** The address of an API server, and the credentials for it. */
export interface Access {
  /** The URL of the API server, without a slash at its end. */
  readonly server: string
  /** The default namespace. */
  readonly namespace: string
  /** For messages: which API server this is. */
  readonly place: string
  /** For messages: what to check when the server does not answer. */
  readonly advice: string
  /** The current credentials; they may change between two requests. */
  credentials(): Promise<Credentials>
  readonly forwardPort: ForwardPort
}

/** The TLS options of a connection. */
export type TlsOptions = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'> & {
  readonly rejectUnauthorized?: boolean | undefined
  readonly servername?: string | undefined
}

/** Gives the agent for TLS options. While the options stay the same it gives the same agent, with its open connections. */
export function agentKeeper(server: string): (tls: TlsOptions) => HttpAgent {
  let kept: { readonly tls: TlsOptions; readonly agent: HttpAgent } | undefined
  return (tls) => {
    if (kept === undefined || !isDeepStrictEqual(kept.tls, tls)) kept = { tls, agent: newAgent(server, tls) }
    return kept.agent
  }
}

function newAgent(server: string, tls: TlsOptions): HttpAgent {
  const options = { keepAlive: true, keepAliveMsecs: IDLE_CONNECTION_MS, timeout: IDLE_CONNECTION_MS }
  return server.startsWith('https:') ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options)
}
