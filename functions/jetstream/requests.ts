import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'

import { JobicoError, messageOf } from '../process/errors.ts'

/** How long a request to JetStream waits for its answer; a client of the listener must get its answer within 2 s. */
export const REQUEST_TIMEOUT_MS = 1_500
const SWEEP_MS = 100
const COALESCE_MS = 1
/** The default `max_payload` of a NATS server. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024
const NO_RESPONDERS = 503

/** A message to send. */
export interface Outgoing {
  readonly subject: string
  readonly payload?: Uint8Array | string
  readonly headers?: MsgHdrs
}

/** Requests that share one inbox and one timer, which is several times as fast as a subscription or a timer for each. */
export interface Requests {
  readonly connection: NatsConnection
  /**
   * Sends a message and gives the answer. Throws QUEUE_UNAVAILABLE if nobody listens, if no answer comes in time, or if the
   * connection is down, and TOO_LARGE if NATS takes no message of that size.
   */
  send(message: Outgoing, timeoutMs?: number): Promise<Msg>
  /** Sends a message without waiting for an answer; one that can not be sent is dropped. */
  post(message: Outgoing): void
  /** The most bytes of a message that NATS takes, headers included; the default before the server has sent its limit. */
  maxPayload(): number
  /** Whether the connection is up right now. */
  isOnline(): boolean
  /** Fails the requests that still wait. The connection stays open. */
  close(): void
}

interface Waiting {
  readonly resolve: (answer: Msg) => void
  readonly reject: (fault: JobicoError) => void
  readonly deadline: number
}

/** Opens the shared inbox on a connection. */
export function createRequests(connection: NatsConnection): Requests {
  const inbox = createInbox()
  const waiting = new Map<string, Waiting>()
  let sent = 0
  let online = true
  let maxPayload = DEFAULT_MAX_PAYLOAD

  const fail = (token: string, fault: JobicoError) => {
    waiting.get(token)?.reject(fault)
    waiting.delete(token)
  }
  const send = createSender(connection)
  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: (_fault, answer) => {
      const token = answer.subject.slice(inbox.length + 1)
      const request = waiting.get(token)
      if (request === undefined) return
      if (isNoResponders(answer)) {
        fail(token, unavailable('JetStream does not answer'))
        return
      }
      waiting.delete(token)
      request.resolve(answer)
    },
  })
  // It rests while nothing waits: a machine may have many processes that are idle.
  let sweeping: NodeJS.Timeout | undefined
  const stopSweeping = () => {
    clearInterval(sweeping)
    sweeping = undefined
  }
  const sweep = () => {
    const now = performance.now()
    for (const [token, { deadline }] of waiting)
      if (deadline <= now) fail(token, unavailable('NATS did not answer in time'))
    if (waiting.size === 0) stopSweeping()
  }
  void followStatus(connection, (up) => (online = up))

  return {
    connection,
    // The client forgets the server's limit while it is not connected.
    maxPayload: () => (maxPayload = connection.info?.max_payload ?? maxPayload),
    isOnline: () => online && !connection.isClosed(),
    send(message, timeoutMs = REQUEST_TIMEOUT_MS) {
      if (!online || connection.isClosed())
        return Promise.reject(unavailable('the connection to NATS is down'))
      const token = (sent++).toString(36)
      sweeping ??= setInterval(sweep, SWEEP_MS).unref()
      return new Promise((resolve, reject) => {
        waiting.set(token, { resolve, reject, deadline: performance.now() + timeoutMs })
        send(message, `${inbox}.${token}`, (fault) => fail(token, fault))
      })
    },
    post: (message) => send(message),
    close() {
      stopSweeping()
      subscription.unsubscribe()
      for (const token of waiting.keys()) fail(token, unavailable('the process is stopping'))
    },
  }
}

type Sender = (message: Outgoing, reply?: string, onFault?: (fault: JobicoError) => void) => void

/**
 * Sends at once while there is little to send. Otherwise it collects messages for a millisecond and sends them in one write:
 * under load a system call for each message would cost more than the message.
 */
function createSender(connection: NatsConnection): Sender {
  let waiting: (() => void)[] = []
  let flushedAt = 0
  const flush = () => {
    const all = waiting
    waiting = []
    flushedAt = performance.now()
    if (!connection.isClosed()) for (const publish of all) publish()
  }
  return ({ subject, payload, headers }, reply, onFault) => {
    if (waiting.length === 0) {
      if (performance.now() - flushedAt < COALESCE_MS) setTimeout(flush, COALESCE_MS)
      else setImmediate(flush)
    }
    const options = {
      ...(headers === undefined ? {} : { headers }),
      ...(reply === undefined ? {} : { reply }),
    }
    waiting.push(() => {
      try {
        connection.publish(subject, payload, options)
      } catch (cause) {
        const why = `NATS does not take a message of this size: ${messageOf(cause)}; raise its max_payload`
        onFault?.(new JobicoError('TOO_LARGE', why, { cause }))
      }
    })
  }
}

function isNoResponders(answer: Msg): boolean {
  return answer.data.length === 0 && answer.headers?.code === NO_RESPONDERS
}

async function followStatus(connection: NatsConnection, report: (online: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect' || type === 'staleConnection') report(false)
    if (type === 'reconnect') report(true)
  }
}

function unavailable(why: string): JobicoError {
  return new JobicoError(
    'QUEUE_UNAVAILABLE',
    `${why}; sending again with the same id or Idempotency-Key is safe`,
  )
}
