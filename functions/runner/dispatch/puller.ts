import { createInbox, type Msg } from '@nats-io/transport-node'

import { streamNames, type EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { readDelivery, type Delivery, type Source } from './delivery.ts'

/** What the puller asks and tells its owner. */
export interface PullerOptions {
  readonly requests: Requests
  readonly ref: EventRef
  /** How many messages may be on their way from a consumer right now. */
  readonly wanted: (source: Source, requestedFromOther: number) => number
  readonly onDelivery: (delivery: Delivery) => void
  /** A consumer does not answer, or does again. */
  readonly onTrouble: (source: Source, trouble: string | undefined) => void
}

/** Pulls from an event's two consumers exactly what is wanted, for ever. */
export interface Puller {
  /** Looks again at how much is wanted. Cheap. */
  refill(): void
  /** Pulls no more; resolves when what was on its way has come. */
  stop(): Promise<void>
}

const EXPIRES_MS = 30_000
const HEARTBEAT_MS = 5_000
/** A consumer that missed two heartbeats has forgotten the pull. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000
const CHECK_MS = 250
const RETRY_MS = 500
const NANOS_PER_MS = 1_000_000
const STATUS = { heartbeat: 100, noMessages: 404, timeout: 408, noResponders: 503 } as const
/** Ways in which a pull ends without a fault of the consumer. */
const ENDINGS: readonly number[] = [STATUS.noMessages, STATUS.timeout]

/**
 * A pull and the subscription that takes what it brings. A delivered message does not say which pull it answers, so each
 * pull that is open at the same time has a subscription of its own.
 */
interface PullRequest {
  readonly inbox: string
  /** How many messages may still come. */
  open: number
}

/** Two, so that the next pull is at the server before the last one is used up. */
const OPEN_PULLS = 2

/** One of the two consumers. */
interface PulledConsumer {
  readonly source: Source
  readonly pullSubject: string
  readonly pulls: readonly PullRequest[]
  heardAt: number
  /** Not before this time, after a fault. */
  retryAt: number
  troubled: boolean
}

/** Starts to pull. Consumers or streams that are not there are waited for and taken up when they come. */
export function createPuller(options: PullerOptions): Puller {
  const { requests, ref } = options
  const streams = streamNames(ref)
  const queue = pulledConsumer('queue', streams.queue, ref.event)
  const retry = pulledConsumer('retry', streams.retry, ref.event)
  let stopped = false

  const receive = (consumer: PulledConsumer, pullRequest: PullRequest, message: Msg) => {
    consumer.heardAt = performance.now()
    const delivery = readDelivery(consumer.source, message)
    const status = message.headers?.code ?? 0
    if (delivery !== undefined) {
      pullRequest.open = Math.max(0, pullRequest.open - 1)
      report(options, consumer, undefined)
      options.onDelivery(delivery)
    } else if (status !== STATUS.heartbeat) {
      pullRequest.open = 0
      report(options, consumer, troubleOf(status, message.headers?.description))
    }
    refill()
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
    refillConsumer(retry, queue)
    refillConsumer(queue, retry)
  }

  const subscriptions = [queue, retry].flatMap((consumer) =>
    consumer.pulls.map((pullRequest) =>
      requests.connection.subscribe(pullRequest.inbox, {
        callback: (_fault, message) => {
          receive(consumer, pullRequest, message)
        },
      }),
    ),
  )
  const check = setInterval(() => {
    for (const consumer of [queue, retry]) {
      const silent = requested(consumer) > 0 && performance.now() - consumer.heardAt > SILENCE_MS
      if (silent || !requests.isOnline()) for (const pullRequest of consumer.pulls) pullRequest.open = 0
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

function pulledConsumer(source: Source, stream: string, consumer: string): PulledConsumer {
  return {
    source,
    pullSubject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    pulls: Array.from({ length: OPEN_PULLS }, () => ({ inbox: createInbox(), open: 0 })),
    heardAt: 0,
    retryAt: 0,
    troubled: false,
  }
}

function requested({ pulls }: PulledConsumer): number {
  return pulls.reduce((sum, { open }) => sum + open, 0)
}

function pull(requests: Requests, consumer: PulledConsumer, pullRequest: PullRequest, batch: number): void {
  if (requested(consumer) === 0) consumer.heardAt = performance.now()
  pullRequest.open = batch
  const limits = { batch, expires: EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS }
  requests.connection.publish(consumer.pullSubject, JSON.stringify(limits), { reply: pullRequest.inbox })
}

/** What a status that ended a pull says of the consumer; undefined when it is in good health. */
function troubleOf(status: number, description: string | undefined): string | undefined {
  if (ENDINGS.includes(status)) return undefined
  return status === STATUS.noResponders ? 'the consumer is not there' : (description ?? `status ${status}`)
}

/** Tells the owner when a consumer's health changes, and waits a little after a fault. */
function report({ onTrouble }: PullerOptions, consumer: PulledConsumer, trouble: string | undefined): void {
  if (trouble !== undefined) consumer.retryAt = performance.now() + RETRY_MS
  if (consumer.troubled === (trouble !== undefined)) return
  consumer.troubled = trouble !== undefined
  onTrouble(consumer.source, trouble)
}
