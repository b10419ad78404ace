import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { newInbox } from './connection.ts'

/** The most messages of one pull. */
const PAGE = 1_000
const PAGE_BYTES = 4 * 2 ** 20
const PAGE_MS = 5_000

/** Which consumer of which stream. */
export interface ConsumerRef {
  readonly stream: string
  readonly consumer: string
}

/** What a pull gave. */
export interface Page {
  readonly messages: readonly Msg[]
  /** Whether there may be more right now. */
  readonly more: boolean
}

/**
 * Takes what a consumer has right now, the messages that are due again first: at most 1,000 of them, and about 4 MiB. Throws
 * QUEUE_UNAVAILABLE if NATS stops answering.
 */
export async function pullPage(connection: NatsConnection, { stream, consumer }: ConsumerRef): Promise<Page> {
  const inbox = newInbox(connection)
  const subscription = connection.subscribe(inbox)
  // A message that is larger than the limit would never come.
  const max_bytes = Math.max(PAGE_BYTES, 2 * (connection.info?.max_payload ?? 0))
  const request = JSON.stringify({ batch: PAGE, no_wait: true, max_bytes })
  connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, request, { reply: inbox })
  const { messages, code } = await receivePage(subscription)
  // Without a message the status means that the consumer is gone, or moves to another server.
  if (code === SILENCE || code === NO_RESPONDERS || (code === CONFLICT && messages.length === 0))
    throw new JobicoError('QUEUE_UNAVAILABLE', `the stream ${stream} can't be read right now`)
  return { messages, more: messages.length === PAGE || code === CONFLICT }
}

/** Receives what a pull gives, up to the status that ends it: SILENCE if nothing has come for too long. */
async function receivePage(subscription: Subscription) {
  const messages: Msg[] = []
  let code = 0
  const timer = setTimeout(() => {
    code = SILENCE
    subscription.unsubscribe()
  }, PAGE_MS)
  try {
    for await (const message of subscription) {
      code = message.headers?.code ?? 0
      if (code !== 0) break
      if (messages.push(message) === PAGE) break
      timer.refresh()
    }
  } finally {
    clearTimeout(timer)
    subscription.unsubscribe()
  }
  return { messages, code }
}

/** Our own status of a pull that nobody answers any more. */
const SILENCE = -1
const NO_RESPONDERS = 503
/** The status of a pull that reached its limit of bytes, or that the server ended. */
const CONFLICT = 409
