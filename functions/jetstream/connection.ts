import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'

/** The oldest nats-server with the features that Jobico needs: message schedules in work queues, atomic batches, TTLs. */
export const OLDEST_NATS = '2.15.0'

/** Where NATS is, and how to connect. */
export interface NatsOptions {
  /** One URL, or several separated by commas. */
  readonly url: string
  /** Path of a credentials file. */
  readonly credsFile?: string | undefined
  /** The connection's name in NATS's monitoring. */
  readonly name: string
  /** Connects only to the given URLs, never to other servers of the cluster, which may be unreachable from here. */
  readonly onlyGiven?: boolean
  /** How long the first connection may take; a refused one fails at once. Without it, the client tries for ever. */
  readonly firstWithinMs?: number
}

/**
 * Connects to NATS, and reconnects for ever. Throws NATS_TOO_OLD for a server older than OLDEST_NATS, and what the client
 * throws if the first connection fails within `firstWithinMs`. The caller closes the connection.
 */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { url, credsFile, name, onlyGiven = false, firstWithinMs } = options
  const connection = await connect({
    servers: url.split(','),
    name,
    waitOnFirstConnect: firstWithinMs === undefined,
    ...(firstWithinMs === undefined ? {} : { timeout: firstWithinMs }),
    ignoreClusterUpdates: onlyGiven,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(credsFile === undefined ? {} : { authenticator: credsAuthenticator(await readFile(credsFile)) }),
  })
  const version = connection.info?.version ?? ''
  if (!isRecent(version)) {
    await closeNats(connection)
    throw tooOld(version, url)
  }
  return connection
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
