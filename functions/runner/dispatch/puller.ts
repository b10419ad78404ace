import type { Msg, MsgHdrs } from '@nats-io/transport-node'

import { streamNames, type EventRef } from '../../queues/names.ts'
import { newInbox } from '../../jetstream/connection.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { readDelivery, type Delivery, type Source } from './delivery.ts'

/** What a puller needs, and what it calls. */
export interface PullerOptions {
  readonly requests: Requests
  readonly ref: EventRef
  /** How many messages may be requested from a consumer now, including those that are requested already. */
  readonly wanted: (source: Source, requestedFromOther: number) => number
  readonly onDelivery: (delivery: Delivery) => void
  /** Called when a consumer stops answering, with the trouble, and when it answers again, with undefined. */
  readonly onHealthChange: (source: Source, trouble: string | undefined) => void
  /** Called when a consumer has not answered for ten seconds, though NATS can be reached; then at most every ten seconds. */
  readonly onLost: (source: Source) => void
}

/** Pulls from an event's two consumers exactly as many messages as are wanted. */
export interface Puller {
  /** Asks again how many are wanted, and pulls what is missing. Cheap. */
  refill(): void
  /** Pulls no more; resolves when the messages that were on their way have come. */
  stop(): Promise<void>
}

const EXPIRES_MS = 30_000
const HEARTBEAT_MS = 2_000
/** After two missed heartbeats the server no longer has the pull. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000
/** A consumer that does not answer for so long is lost. Some of it is random, because other runners of the event wait, too. */
const LOST_MS = 5_000
const LOST_JITTER_MS = 2_000
const CHECK_MS = 250
const RETRY_MS = 500
const NANOS_PER_MS = 1_000_000
const STATUS = { heartbeat: 100, noMessages: 404, timeout: 408, noResponders: 503 } as const
/** Statuses that end a pull and mean no trouble with the consumer. */
const ENDINGS: readonly number[] = [STATUS.noMessages, STATUS.timeout]

/**
 * A pull and the inbox that receives its messages. A delivered message does not say which pull it answers, so each open pull
 * has an inbox of its own.
 */
interface PullRequest {
  readonly inbox: string
  /** How many messages may still come; 0 if the pull is free to be used again. */
  open: number
}

/** Two for each consumer, so that the next pull is at the server before the last one is used up. */
const OPEN_PULLS = 2

/** One of the two consumers. */
interface PulledConsumer {
  readonly source: Source
  readonly pullSubject: string
  readonly pulls: readonly PullRequest[]
  lastMessageAt: number
  /** After trouble, when to pull again at the earliest. */
  retryAt: number
  inTrouble: boolean
  /** Since when it has been in trouble, or when that was last told. */
  troubledAt: number
}

/** Starts to pull. If a consumer or stream does not exist yet, it keeps trying. */
export function createPuller(options: PullerOptions): Puller {
  const { requests, ref } = options
  const streams = streamNames(ref)
  const queue = pulledConsumer(requests, 'queue', streams.queue, ref.event)
  const events = pulledConsumer(requests, 'events', streams.events, ref.event)
  let stopped = false
  let reconnects = requests.reconnects()

  const receive = (consumer: PulledConsumer, pullRequest: PullRequest, message: Msg) => {
    consumer.lastMessageAt = performance.now()
    const delivery = readDelivery(consumer.source, message)
    if (delivery === undefined) onStatus(consumer, pullRequest, message.headers)
    else {
      pullRequest.open = Math.max(0, pullRequest.open - 1)
      reportHealth(options, consumer, undefined)
      options.onDelivery(delivery)
    }
    refill()
  }
  const onStatus = (consumer: PulledConsumer, pullRequest: PullRequest, headers: MsgHdrs | undefined) => {
    const status = headers?.code ?? 0
    if (status === STATUS.heartbeat) return
    pullRequest.open = 0
    reportHealth(options, consumer, troubleOf(status, headers?.description))
  }
  const refillConsumer = (consumer: PulledConsumer, other: PulledConsumer) => {
    if (stopped || !requests.isOnline() || performance.now() < consumer.retryAt) return
    const target = options.wanted(consumer.source, requested(other))
    const missing = target - requested(consumer)
    const pullRequest = consumer.pulls.find(({ open }) => open === 0)
    if (pullRequest !== undefined && missing > 0 && missing * 2 >= target)
      pull(requests, consumer, pullRequest, missing)
  }
  const refill = () => {
    if (reconnects !== requests.reconnects()) {
      reconnects = requests.reconnects()
      for (const { pulls } of [queue, events]) for (const pullRequest of pulls) pullRequest.open = 0
    }
    refillConsumer(events, queue)
    refillConsumer(queue, events)
  }

  const subscriptions = [queue, events].flatMap((consumer) =>
    consumer.pulls.map((pullRequest) =>
      requests.connection.subscribe(pullRequest.inbox, {
        callback: (_fault, message) => {
          receive(consumer, pullRequest, message)
        },
      }),
    ),
  )
  const check = setInterval(() => {
    for (const consumer of [queue, events]) {
      const silent = requested(consumer) > 0 && performance.now() - consumer.lastMessageAt > SILENCE_MS
      if (silent || !requests.isOnline()) for (const pullRequest of consumer.pulls) pullRequest.open = 0
      if (silent && requests.isOnline()) reportHealth(options, consumer, 'the consumer is silent')
      if (!requests.isOnline()) consumer.troubledAt = performance.now()
      else if (isLost(consumer)) {
        consumer.troubledAt = performance.now()
        options.onLost(consumer.source)
      }
    }
    refill()
  }, CHECK_MS)
  refill()
  return {
    refill,
    async stop() {
      stopped = true
      clearInterval(check)
      if (requests.isOnline()) await Promise.all(subscriptions.map((subscription) => subscription.drain()))
    },
  }
}

function pulledConsumer(
  { connection }: Requests,
  source: Source,
  stream: string,
  consumer: string,
): PulledConsumer {
  return {
    source,
    pullSubject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    pulls: Array.from({ length: OPEN_PULLS }, () => ({ inbox: newInbox(connection), open: 0 })),
    lastMessageAt: 0,
    retryAt: 0,
    inTrouble: false,
    troubledAt: 0,
  }
}

function isLost({ inTrouble, troubledAt }: PulledConsumer): boolean {
  return inTrouble && performance.now() - troubledAt > LOST_MS
}

function requested({ pulls }: PulledConsumer): number {
  return pulls.reduce((sum, { open }) => sum + open, 0)
}

function pull(requests: Requests, consumer: PulledConsumer, pullRequest: PullRequest, batch: number): void {
  if (requested(consumer) === 0) consumer.lastMessageAt = performance.now()
  pullRequest.open = batch
  const limits = { batch, expires: EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS }
  requests.connection.publish(consumer.pullSubject, JSON.stringify(limits), { reply: pullRequest.inbox })
}

/** The trouble that a status which ended a pull stands for; undefined if the consumer is healthy. */
function troubleOf(status: number, description: string | undefined): string | undefined {
  if (ENDINGS.includes(status)) return undefined
  return status === STATUS.noResponders ? 'the consumer is not there' : (description ?? `status ${status}`)
}

/** Calls onHealthChange when a consumer's health changes, and delays the next pull after trouble. */
function reportHealth(
  { onHealthChange }: PullerOptions,
  consumer: PulledConsumer,
  trouble: string | undefined,
): void {
  if (trouble !== undefined) consumer.retryAt = performance.now() + RETRY_MS
  if (consumer.inTrouble === (trouble !== undefined)) return
  consumer.inTrouble = trouble !== undefined
  consumer.troubledAt = performance.now() + Math.random() * LOST_JITTER_MS
  onHealthChange(consumer.source, trouble)
}
