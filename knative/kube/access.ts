import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable, Writable } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'

import type { ObjectName } from './object.ts'

/** An idle connection is closed after this time, well before a server or a proxy would close it. */
const IDLE_CONNECTION_MS = 30_000

/** What goes with a request. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly agent: HttpAgent
}

/** The streams of one connection to a pod's port. */
export interface PortStreams {
  readonly input: Readable
  readonly output: Writable
  /** What the node says went wrong, as text. */
  readonly faults: Writable
}

/** An open connection to a pod's port. */
export interface PortConnection {
  /** How many bytes of the input are not sent yet. */
  waitingBytes(): number
  /** Holds back the output, or no longer. */
  hold(held: boolean): void
  onClose(listener: () => void): void
  close(): void
}

/** Connects to a port of a pod; throws where the API server refuses. */
export type ForwardPort = (pod: ObjectName, port: number, streams: PortStreams) => Promise<PortConnection>

/** Where an API server is, and how to be let in. */
export interface Access {
  /** Its URL, with no slash at the end. */
  readonly server: string
  /** The namespace to use where none is named. */
  readonly namespace: string
  /** For people: where this leads. */
  readonly place: string
  /** For people: what to look at when the server does not answer. */
  readonly advice: string
  /** Credentials that hold now. */
  credentials(): Promise<Credentials>
  readonly forwardPort: ForwardPort
}

/** What a TLS connection needs to know. */
export type TlsOptions = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'> & {
  readonly rejectUnauthorized?: boolean | undefined
  readonly servername?: string | undefined
}

/** Gives the agent for TLS options: the same one, with its open connections, for as long as they do not change. */
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
