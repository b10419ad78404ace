import type { NatsConnection } from '@nats-io/transport-node'

import type { NatsOptions } from '../../../functions/jetstream/connection.ts'
import { JobicoError, messageOf } from '../../../functions/process/errors.ts'

const FIRST_CONNECTION_MS = 10_000

/** A connection to NATS that is opened on first use. */
export interface LazyNats {
  nats(): Promise<NatsConnection>
  close(): Promise<void>
}

/** The options of a connection. */
export interface NatsPlace extends Pick<NatsOptions, 'url' | 'onlyGiven' | 'credentials'> {
  /** Whether it was found in a folder: no credentials are sent there. */
  readonly isFound?: boolean
  /** The error to throw when NATS does not let the user in. */
  readonly refusal?: (cause: unknown) => Error
}

/** `find` returns the options of the connection; `hint` says what to do when NATS does not answer. */
export function lazyNats(find: () => Promise<NatsPlace>, hint: string): LazyNats {
  let connection: Promise<NatsConnection> | undefined
  return {
    nats() {
      connection ??= connect(find, hint).catch((fault: unknown) => {
        connection = undefined // it may succeed later
        throw fault
      })
      return connection
    },
    async close() {
      if (connection === undefined) return
      const { closeNats } = await import('../../../functions/jetstream/connection.ts')
      await connection.then(closeNats, () => undefined)
    },
  }
}

async function connect(find: Parameters<typeof lazyNats>[0], hint: string): Promise<NatsConnection> {
  const { connectNats } = await import('../../../functions/jetstream/connection.ts')
  const { isFound = false, refusal, ...options } = await find()
  const credsFile = isFound ? undefined : process.env['NATS_CREDS_FILE']
  try {
    return await connectNats({
      ...options,
      ...(credsFile === undefined ? {} : { credsFile, credentials: undefined }),
      ...{ name: 'jobico', firstWithinMs: FIRST_CONNECTION_MS },
    })
  } catch (cause) {
    if (cause instanceof JobicoError) throw cause
    if (refusal !== undefined && /authorization violation/i.test(messageOf(cause))) throw refusal(cause)
    throw new Error(`NATS does not answer (${messageOf(cause)}); ${hint}`, { cause })
  }
}
