import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError, messageOf } from '../../functions/process/errors.ts'
import {
  closeNats,
  connectNats,
  isRecent,
  tooOld,
  type NatsOptions,
} from '../../functions/jetstream/connection.ts'
import type { Log } from '../../functions/process/log.ts'

/** A connection to NATS. The operator keeps running while it is down, or while the server is too old. */
export interface NatsLink {
  /** The connection. Throws QUEUE_UNAVAILABLE while it is down, NATS_TOO_OLD while the server is too old. */
  use(): NatsConnection
  /** The same, but while the first connection is being made, waits for it a little. */
  open(): Promise<NatsConnection>
  close(): Promise<void>
}

/** What the link calls. */
export interface LinkReporting {
  readonly log: Log
  /** Called when the connection came up, or came back. */
  readonly onUp: () => void
  /** Called when a server joined the cluster that the connection is to. */
  readonly onServers?: () => void
}

const RETRY_MS = 1_000
/** How long the first connection is waited for. */
const FIRST_MS = 2_000
/** How long one try to connect may take. A client that tried for ever by itself could not be closed meanwhile. */
const TRY_MS = 5_000

/** Connects to NATS, and reconnects after every failure until the link is closed. */
export function linkNats(options: NatsOptions, { log, onUp, onServers }: LinkReporting): NatsLink {
  const closing = new AbortController()
  const tried = Promise.withResolvers<unknown>()
  setTimeout(tried.resolve, FIRST_MS, undefined).unref()
  let made: NatsConnection | undefined
  /** The same while it can be used. */
  let connection: NatsConnection | undefined
  let fault = unreachable(options.url)

  const onDown = () => {
    log.warn('Lost NATS')
    fault = unreachable(options.url)
    connection = undefined
  }
  const onBack = (up: NatsConnection) => {
    const version = up.info?.version ?? ''
    fault = tooOld(version, options.url)
    connection = isRecent(version) ? up : undefined
    onUp()
  }
  const follow = async (up: NatsConnection) => {
    if (closing.signal.aborted) {
      await up.close()
      return
    }
    made = up
    connection = up
    tried.resolve(undefined)
    onUp()
    for await (const status of up.status()) {
      if (status.type === 'disconnect') onDown()
      else if (status.type === 'reconnect') onBack(up)
      else if (status.type === 'update' && (status.added ?? []).length > 0) onServers?.()
    }
  }
  const stayConnected = async () => {
    while (!closing.signal.aborted) {
      try {
        await follow(await connectNats({ ...options, firstWithinMs: TRY_MS }))
      } catch (thrown) {
        const next = thrown instanceof JobicoError ? thrown : faultOf(options.url, thrown)
        if (next.message !== fault.message)
          log.error({ err: thrown, connection: options.name }, 'Could not use NATS')
        fault = next
      }
      tried.resolve(undefined)
      await delay(RETRY_MS, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
    }
  }
  void stayConnected()
  const use = () => {
    if (connection === undefined) throw fault
    return connection
  }
  return {
    use,
    async open() {
      await tried.promise
      return use()
    },
    async close() {
      closing.abort()
      if (made !== undefined) await closeNats(made)
    },
  }
}

function faultOf(url: string, thrown: unknown): JobicoError {
  if (!/authorization|authentication/i.test(messageOf(thrown))) return unreachable(url)
  return new JobicoError(
    'QUEUE_UNAVAILABLE',
    `NATS at ${url} did not let the operator in (${messageOf(thrown)}); it is tried again`,
    { cause: thrown },
  )
}

function unreachable(url: string): JobicoError {
  return new JobicoError(
    'QUEUE_UNAVAILABLE',
    `NATS can not be reached at ${url}; see whether its pods run: kubectl get pods -n jobico-system`,
  )
}
