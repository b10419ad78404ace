import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'

import { JobicoError, messageOf } from '../process/errors.ts'
import { newInbox } from './connection.ts'

/** How long a request to JetStream waits for its answer; a client of the listener must get its answer within 2 s. */
export const REQUEST_TIMEOUT_MS = 1_500
/**
 * A server of a cluster that has answered no request for so long, or stored none of the messages, is left for the next one:
 * it may be cut off from the others, though not from us. The election of a leader takes longer, and goes on meanwhile. To
 * wait for it with one server would be wrong if that is the one that is cut off.
 */
const LEAVE_AFTER_MS = 3_000
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
  /** How often the connection was made again. What was to come over an earlier one does not come any more. */
  reconnects(): number
  /** Fails the requests that still wait. The connection stays open. */
  close(): void
}

interface Waiting {
  readonly resolve: (answer: Msg) => void
  readonly reject: (fault: JobicoError) => void
  readonly silence: Silence
  readonly sentAt: number
  readonly deadline: number
}

/** Opens the shared inbox on a connection. */
export function createRequests(connection: NatsConnection): Requests {
  const inbox = newInbox(connection)
  const waiting = new Map<string, Waiting>()
  let sent = 0
  let online = true
  let reconnects = 0
  let maxPayload = DEFAULT_MAX_PAYLOAD

  const fail = (token: string, fault: JobicoError) => {
    waiting.get(token)?.reject(fault)
    waiting.delete(token)
  }
  const leave = () => {
    if (online && connection.info?.cluster !== undefined) void connection.reconnect().catch(() => undefined)
  }
  // A leader that is cut off still answers questions, but stores nothing.
  const [apiSilence, publishSilence] = [watchSilence(leave), watchSilence(leave)]
  const send = createSender(connection)
  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: (_fault, answer) => {
      const token = answer.subject.slice(inbox.length + 1)
      const request = waiting.get(token)
      if (request === undefined) return
      if (isNoResponders(answer)) {
        request.silence.unanswered(request.sentAt)
        fail(token, unavailable('JetStream does not answer'))
        return
      }
      waiting.delete(token)
      if (request.silence === apiSilence || isStored(answer)) request.silence.answered()
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
    for (const [token, { deadline, silence, sentAt }] of waiting) {
      if (deadline > now) continue
      silence.unanswered(sentAt)
      fail(token, unavailable('NATS did not answer in time'))
    }
    if (waiting.size === 0) stopSweeping()
  }
  void followStatus(connection, (up) => {
    online = up
    if (!up) return
    reconnects++
    for (const silence of [apiSilence, publishSilence]) silence.begin()
  })

  return {
    connection,
    // The client forgets the server's limit while it is not connected.
    maxPayload: () => (maxPayload = connection.info?.max_payload ?? maxPayload),
    isOnline: () => online && !connection.isClosed(),
    reconnects: () => reconnects,
    send(message, timeoutMs = REQUEST_TIMEOUT_MS) {
      if (!online || connection.isClosed())
        return Promise.reject(unavailable('the connection to NATS is down'))
      const token = (sent++).toString(36)
      sweeping ??= setInterval(sweep, SWEEP_MS).unref()
      return new Promise((resolve, reject) => {
        const sentAt = performance.now()
        const silence = message.subject.startsWith('$JS.API.') ? apiSilence : publishSilence
        waiting.set(token, { resolve, reject, silence, sentAt, deadline: sentAt + timeoutMs })
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

/** Whether requests of a kind are answered at all. */
interface Silence {
  /** Another server is to answer from now on. */
  begin(): void
  answered(): void
  unanswered(sentAt: number): void
}

/** Calls `leave` when requests have gone unanswered for LEAVE_AFTER_MS, and none was answered in between. */
function watchSilence(leave: () => void): Silence {
  let begun = 0
  let since: number | undefined
  return {
    begin() {
      begun = performance.now()
      since = undefined
    },
    answered() {
      since = undefined
    },
    unanswered(sentAt: number) {
      since ??= Math.max(sentAt, begun)
      if (performance.now() - since < LEAVE_AFTER_MS) return
      since = undefined
      leave()
    },
  }
}

/**
 * Whether an answer says that a message was stored, now and in a majority of the copies. A leader that is cut off can refuse
 * a message, and knows those that it had before.
 */
function isStored({ data }: Msg): boolean {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return text.includes('"seq"') && !text.includes('"duplicate"') && !text.includes('"error"')
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
