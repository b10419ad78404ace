import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream'
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'
import { withoutRetry, type Retry } from '../process/retry.ts'
import { readAckSubject } from './ack-subject.ts'
import { answerIfThere, answerTo } from './manager.ts'
import { pullPage } from './pull.ts'
import type { StoredMessage } from './stored-message.ts'

/** A stream to read, and the means. */
export interface ReadOptions {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly stream: string
  /** What to read; by default all. */
  readonly subjects?: readonly string[]
  /** Leaves out the data of messages, and adds a header with its size. */
  readonly headersOnly?: boolean
  /** How to go on when NATS is away; by default not at all. */
  readonly persist?: Retry
}

/** A message, and how many more of what is read the stream had behind it. */
export interface ReadMessage extends StoredMessage {
  readonly pending: number
}

interface Consumer {
  readonly name: string
  /** The last sequence of the stream when the consumer was made. */
  readonly floor: number
}

const UNUSED_MS = 60_000
const NANOS_PER_MS = 1_000_000

/**
 * Yields what a stream holds, the oldest first, in pages of bounded size, until it has come to the end of the stream once. A
 * record that replaces another one has a later place, so the newest record of each key as of that moment has been read, or
 * a newer one. It does not end within an atomic batch. Goes on by itself after a loss of the connection. Throws NOT_FOUND if
 * the stream is gone.
 */
export async function* readStream(
  options: ReadOptions,
): AsyncGenerator<readonly ReadMessage[], void, undefined> {
  const { connection, manager, stream, persist = withoutRetry } = options
  let consumer: Consumer | undefined
  let next = 1
  const readPage = async (tries: number) => {
    if (tries > 1) consumer = undefined
    consumer ??= await makeConsumer(options, next)
    const { messages } = await pullPage(connection, { stream, consumer: consumer.name })
    const page: readonly ReadMessage[] = messages.map(readMessage)
    const last = page.at(-1)
    const from = last === undefined ? next : last.seq + 1
    const isEnd =
      (last === undefined || (last.pending === 0 && !isWithinBatch(last.headers))) &&
      // The copy of another server may be behind; the leader knows.
      (from > consumer.floor || !(await hasMessage(options, from)))
    return { page, from, isEnd }
  }
  try {
    for (;;) {
      const { page, from, isEnd } = await persist(readPage)
      if (page.length > 0) yield page
      next = from
      if (isEnd) return
    }
  } finally {
    if (consumer !== undefined) manager.consumers.delete(stream, consumer.name).catch(() => undefined)
  }
}

async function makeConsumer(
  { manager, stream, subjects, headersOnly = false }: ReadOptions,
  from: number,
): Promise<Consumer> {
  const info = await answerIfThere(manager.streams.info(stream))
  if (info === undefined)
    throw new JobicoError('NOT_FOUND', `the stream ${stream} does not exist; its Job may have been deleted`)
  const made = await answerTo(
    manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      headers_only: headersOnly,
      ...(subjects === undefined ? {} : { filter_subjects: [...subjects] }),
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: UNUSED_MS * NANOS_PER_MS,
    }),
  )
  return { name: made.name, floor: info.state.last_seq }
}

function readMessage({ subject, headers, data, reply }: Msg): ReadMessage {
  const { seq = 0, storedAt = 0, pending = 0 } = readAckSubject(reply) ?? {}
  return { subject, headers, data, seq, time: new Date(storedAt).toISOString(), pending }
}

/** Whether a message belongs to an atomic batch that goes on after it. */
function isWithinBatch(headers: MsgHdrs | undefined): boolean {
  return headers?.has('Nats-Batch-Id') === true && !headers.has('Nats-Batch-Commit')
}

/** Whether the leader of the stream has something to read with this sequence or a later one. */
async function hasMessage(
  { manager, stream, subjects = ['>'] }: ReadOptions,
  from: number,
): Promise<boolean> {
  for (const subject of subjects) {
    // The client's types leave next_by_subj out.
    const query: { readonly seq: number; readonly next_by_subj: string } = {
      seq: from,
      next_by_subj: subject,
    }
    const found = await answerIfThere(manager.streams.getMessage(stream, query))
    if (found !== undefined && found !== null) return true
  }
  return false
}
