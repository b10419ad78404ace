import { createInbox, type Msg } from '@nats-io/transport-node'

import { streamNames, type EventRef } from '../shared/names.ts'
import type { Requests } from '../shared/requests.ts'
import { readDelivery, type Delivery, type Source } from './delivery.ts'

/** What the intake asks and tells its owner. */
export interface IntakeOptions {
  readonly requests: Requests
  readonly ref: EventRef
  /** How many messages may be on their way from a consumer right now. */
  readonly wanted: (source: Source, onTheWayFromOther: number) => number
  readonly onDelivery: (delivery: Delivery) => void
  /** A consumer does not answer, or does again. */
  readonly onTrouble: (source: Source, trouble: string | undefined) => void
}

/** Pulls from an event's two consumers exactly what is wanted, for ever. */
export interface Intake {
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
interface Channel {
  readonly inbox: string
  /** How many messages may still come. */
  open: number
}

/** Two, so that the next pull is at the server before the last one is used up. */
const CHANNELS = 2

/** One of the two consumers. */
interface Side {
  readonly source: Source
  readonly pullSubject: string
  readonly channels: readonly Channel[]
  heardAt: number
  /** Not before this time, after a fault. */
  retryAt: number
  troubled: boolean
}

/** Starts to pull. Consumers or streams that are not there are waited for and taken up when they come. */
export function createIntake(options: IntakeOptions): Intake {
  const { requests, ref } = options
  const streams = streamNames(ref)
  const queue = createSide('queue', streams.queue, ref.event)
  const retry = createSide('retry', streams.retry, ref.event)
  let stopped = false

  const receive = (side: Side, channel: Channel, message: Msg) => {
    side.heardAt = performance.now()
    const delivery = readDelivery(side.source, message)
    const status = message.headers?.code ?? 0
    if (delivery !== undefined) {
      channel.open = Math.max(0, channel.open - 1)
      report(options, side, undefined)
      options.onDelivery(delivery)
    } else if (status !== STATUS.heartbeat) {
      channel.open = 0
      report(options, side, troubleOf(status, message.headers?.description))
    }
    refill()
  }
  const refillSide = (side: Side, other: Side) => {
    if (stopped || !requests.isOnline() || performance.now() < side.retryAt) return
    const target = options.wanted(side.source, onTheWay(other))
    const missing = target - onTheWay(side)
    const channel = side.channels.find(({ open }) => open === 0)
    if (channel !== undefined && missing > 0 && missing * 2 >= target) pull(requests, side, channel, missing)
  }
  const refill = () => {
    refillSide(retry, queue)
    refillSide(queue, retry)
  }

  const subscriptions = [queue, retry].flatMap((side) =>
    side.channels.map((channel) =>
      requests.connection.subscribe(channel.inbox, {
        callback: (_fault, message) => {
          receive(side, channel, message)
        },
      }),
    ),
  )
  const check = setInterval(() => {
    for (const side of [queue, retry]) {
      const silent = onTheWay(side) > 0 && performance.now() - side.heardAt > SILENCE_MS
      if (silent || !requests.isOnline()) for (const channel of side.channels) channel.open = 0
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

function createSide(source: Source, stream: string, consumer: string): Side {
  return {
    source,
    pullSubject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    channels: Array.from({ length: CHANNELS }, () => ({ inbox: createInbox(), open: 0 })),
    heardAt: 0,
    retryAt: 0,
    troubled: false,
  }
}

function onTheWay({ channels }: Side): number {
  return channels.reduce((sum, { open }) => sum + open, 0)
}

function pull(requests: Requests, side: Side, channel: Channel, batch: number): void {
  if (onTheWay(side) === 0) side.heardAt = performance.now()
  channel.open = batch
  const limits = { batch, expires: EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS }
  requests.connection.publish(side.pullSubject, JSON.stringify(limits), { reply: channel.inbox })
}

/** What a status that ended a pull says of the consumer; undefined when it is in good health. */
function troubleOf(status: number, description: string | undefined): string | undefined {
  if (ENDINGS.includes(status)) return undefined
  return status === STATUS.noResponders ? 'the consumer is not there' : (description ?? `status ${status}`)
}

/** Tells the owner when a consumer's health changes, and waits a little after a fault. */
function report({ onTrouble }: IntakeOptions, side: Side, trouble: string | undefined): void {
  if (trouble !== undefined) side.retryAt = performance.now() + RETRY_MS
  if (side.troubled === (trouble !== undefined)) return
  side.troubled = trouble !== undefined
  onTrouble(side.source, trouble)
}
