import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { NatsConnectionImpl } from '@nats-io/nats-core/internal'
import { connect, createInbox, type NatsConnection, type Server } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { authentication, type CredentialsSource } from './credentials.ts'

/** The oldest nats-server with the features that Jobico needs: message schedules in work queues, atomic batches, TTLs. */
export const OLDEST_NATS = '2.15.0'

/** Where NATS is, and how to connect. */
export interface NatsOptions extends CredentialsSource {
  /** One URL, or several separated by commas. */
  readonly url: string
  /** The connection's name in NATS's monitoring. */
  readonly name: string
  /** Connects only to the given URLs, never to other servers of the cluster, which may be unreachable from here. */
  readonly onlyGiven?: boolean
  /** Asks less often while nothing else moves, so a silent server is noticed some ten seconds later: for one of many connections. */
  readonly oneOfMany?: boolean
  /** How long the first connection may take; a refused one fails at once. Without it, the client tries for ever. */
  readonly firstWithinMs?: number
}

/** How long a server may take to greet; one that has stopped, or is cut off, never does. */
const GREETING_LIMIT_MS = 2_000
/** How often it is looked whether anything moves on a connection. */
const LOOK_EVERY_MS = 1_000
/** A server from which nothing comes for so many looks, though it was asked, is left. */
const SILENT_LOOKS = 3
/** The same for a link that may be slow, from outside of the cluster. */
const SILENT_LOOKS_OUTSIDE = 15
/** One of many connections on which nothing moves is asked at each of so many looks only. */
const IDLE_LOOKS = 10
/** More than the question and its answer take: PING, PONG, and the ends of their lines. */
const PING_BYTES = 64

/**
 * Connects to NATS, and reconnects for ever. A server that is silent is left within four seconds, for another one if there is
 * one; while anything comes from it, or goes to it, it is not silent, however long an answer takes. Throws NATS_TOO_OLD for
 * a server older than OLDEST_NATS, CONFIG_INVALID for credentials that can not be read, and what the client throws if the first connection fails within `firstWithinMs`. The
 * caller closes the connection.
 */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { url, name, onlyGiven = false, oneOfMany = false, firstWithinMs } = options
  const connection = await connect({
    servers: url.split(','),
    name,
    waitOnFirstConnect: firstWithinMs === undefined,
    timeout: firstWithinMs ?? GREETING_LIMIT_MS,
    reconnectToServer: longestUntried,
    ignoreClusterUpdates: onlyGiven,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    noAsyncTraces: true,
    ...authentication(options),
  })
  // Credentials that are refused at the start are an error; later, new ones or another server may be right.
  if (connection instanceof NatsConnectionImpl) connection.options.ignoreAuthErrorAbort = true
  void endStaleConnections(connection)
  leaveSilentServers(connection, {
    most: onlyGiven ? SILENT_LOOKS_OUTSIDE : SILENT_LOOKS,
    idleLooks: oneOfMany ? IDLE_LOOKS : 1,
  })
  const version = connection.info?.version ?? ''
  if (!isRecent(version)) {
    await closeNats(connection)
    throw tooOld(version, url)
  }
  return connection
}

/** A new inbox, with the prefix of the connection. */
export function newInbox(connection: NatsConnection): string {
  return createInbox(connection instanceof NatsConnectionImpl ? connection.options.inboxPrefix : undefined)
}

/** Otherwise the client would first try the server again that it has just left. */
function longestUntried(servers: readonly Server[]): Server | null {
  const [first, ...others] = servers
  if (first === undefined) return null
  return others.reduce((best, each) => (each.lastConnect < best.lastConnect ? each : best), first)
}

/**
 * The client leaves a server that is silent, or that it is told to leave, only once it has sent all that it had to send. A
 * server that has stopped takes nothing, so the client would stay with it.
 */
async function endStaleConnections(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status())
    if (type === 'staleConnection' || type === 'forceReconnect') socketOf(connection)?.destroy()
}

/** When a server is asked for a sign of life, and left without one. */
interface Patience {
  /** So many looks at which nothing had moved, though the server was asked. */
  readonly most: number
  /** At each of how many looks it is asked while nothing but that moves. */
  readonly idleLooks: number
}

/**
 * Asks the server for a sign of life once a second, or less often while the connection is idle, and ends the connection after
 * so many looks at which nothing had moved. The client's own pings do not serve for that: it takes a server for silent that
 * sends a large backlog before its answer.
 */
function leaveSilentServers(connection: NatsConnection, { most, idleLooks }: Patience): void {
  let before: Traffic = { read: 0, written: 0, unsent: 0 }
  let silent = 0
  let unasked = 0
  let isAsked = false
  let last: Socket | undefined
  const timer = setInterval(() => {
    if (connection.isClosed()) {
      clearInterval(timer)
      return
    }
    const socket = socketOf(connection)
    if (socket === undefined) return
    // What was asked on an earlier connection may never be answered.
    if (socket !== last) isAsked = false
    last = socket
    const now = { read: socket.bytesRead, written: socket.bytesWritten, unsent: socket.writableLength }
    const { hasMoved, isIdle } = movement(before, now)
    before = now
    unasked++
    silent = hasMoved || !isAsked ? 0 : silent + 1
    if (silent >= most) {
      silent = 0
      socket.destroy()
    } else if (!isAsked && (!isIdle || unasked >= idleLooks)) {
      isAsked = true
      unasked = 0
      connection
        .flush()
        .catch(() => undefined)
        .finally(() => (isAsked = false))
    }
  }, LOOK_EVERY_MS)
  timer.unref()
}

/** The bytes of a connection: that have come, that were sent, and that wait to be sent. */
interface Traffic {
  readonly read: number
  readonly written: number
  readonly unsent: number
}

/** Whether the server has read or sent anything between two looks, and whether at most a question and its answer were sent. */
function movement(before: Traffic, now: Traffic) {
  return {
    hasMoved: now.read !== before.read || now.unsent < before.unsent,
    isIdle: now.read - before.read <= PING_BYTES && now.written - before.written <= PING_BYTES,
  }
}

/** The client has no other way to its socket. */
function socketOf(connection: NatsConnection): Socket | undefined {
  if (!(connection instanceof NatsConnectionImpl)) return undefined
  const { transport } = connection.protocol
  return 'socket' in transport && transport.socket instanceof Socket ? transport.socket : undefined
}

/** The error for a server that is older than OLDEST_NATS. */
export function tooOld(version: string, url: string): JobicoError {
  return new JobicoError(
    'NATS_TOO_OLD',
    `nats-server ${version} is too old: Jobico needs ${OLDEST_NATS} or later; upgrade the server at ${url}`,
  )
}

const FLUSH_LIMIT_MS = 500

/** Closes a connection once NATS has received everything sent on it, or after FLUSH_LIMIT_MS if NATS does not answer. */
export async function closeNats(connection: NatsConnection): Promise<void> {
  const flushed = connection.flush().catch(() => undefined)
  await Promise.race([flushed, delay(FLUSH_LIMIT_MS, undefined, { ref: false })])
  await connection.close()
}

/** Tells whether a version of nats-server is OLDEST_NATS or later. */
export function isRecent(version: string): boolean {
  const [have, need] = [version, OLDEST_NATS].map(
    (text) => /^v?(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number) ?? [],
  )
  const [major = 0, minor = 0] = have ?? []
  const [oldestMajor = 0, oldestMinor = 0] = need ?? []
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}
