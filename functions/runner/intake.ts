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
const STATUS = { heartbeat: 100, noMessages: 404, timeout: 408, conflict: 409, noResponders: 503 } as const
/** Ways in which a pull ends without a fault of the consumer. */
const ENDINGS: readonly number[] = [STATUS.noMessages, STATUS.timeout]

/** The pulls that are open at one consumer. */
interface Pulls {
  readonly source: Source
  readonly stream: string
  /** How many messages each open pull may still bring, by its number. */
  readonly open: Map<string, number>
  onTheWay: number
  heardAt: number
  /** Not before this time, after a fault. */
  retryAt: number
  troubled: boolean
}

/** Starts to pull. Consumers or streams that are not there are waited for and taken up when they come. */
export function createIntake(options: IntakeOptions): Intake {
  const { requests, ref, onDelivery, onTrouble } = options
  const inbox = createInbox()
  const streams = streamNames(ref)
  const queue = pulls('queue', streams.queue)
  const retry = pulls('retry', streams.retry)
  let stopped = false
  let pullCount = 0

  const trouble = (side: Pulls, what: string | undefined) => {
    if (what !== undefined) side.retryAt = performance.now() + RETRY_MS
    if (side.troubled === (what !== undefined)) return
    side.troubled = what !== undefined
    onTrouble(side.source, what)
  }
  const receive = (side: Pulls, number: string, message: Msg) => {
    side.heardAt = performance.now()
    const delivery = readDelivery(side.source, message)
    if (delivery === undefined) {
      endOfPull(side, number, message, trouble)
    } else {
      trouble(side, undefined)
      countDown(side, number)
      onDelivery(delivery)
    }
    refill()
  }
  const pull = (side: Pulls, batch: number) => {
    const number = (pullCount++).toString(36)
    if (side.open.size === 0) side.heardAt = performance.now()
    side.open.set(number, batch)
    side.onTheWay += batch
    const limits = { batch, expires: EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS }
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${side.stream}.${ref.event}`
    requests.connection.publish(subject, JSON.stringify(limits), {
      reply: `${inbox}.${side.source}.${number}`,
    })
  }
  const refillSide = (side: Pulls, other: Pulls) => {
    if (stopped || !requests.isOnline() || performance.now() < side.retryAt) return
    const target = options.wanted(side.source, other.onTheWay)
    const missing = target - side.onTheWay
    if (missing > 0 && (side.onTheWay === 0 || missing * 2 >= target)) pull(side, missing)
  }
  const refill = () => {
    refillSide(retry, queue)
    refillSide(queue, retry)
  }

  const subscription = requests.connection.subscribe(`${inbox}.*.*`, {
    callback: (_fault, message) => {
      const [source, number = ''] = message.subject.slice(inbox.length + 1).split('.')
      receive(source === 'queue' ? queue : retry, number, message)
    },
  })
  const check = setInterval(() => {
    for (const side of [queue, retry]) {
      const silent = side.open.size > 0 && performance.now() - side.heardAt > SILENCE_MS
      if (silent || !requests.isOnline()) forget(side)
    }
    refill()
  }, CHECK_MS)
  refill()
  return {
    refill,
    async stop() {
      stopped = true
      clearInterval(check)
      if (requests.isOnline()) await subscription.drain()
    },
  }
}

function pulls(source: Source, stream: string): Pulls {
  return { source, stream, open: new Map(), onTheWay: 0, heardAt: 0, retryAt: 0, troubled: false }
}

/** Takes a status message: a heartbeat, or the end of a pull. */
function endOfPull(
  side: Pulls,
  number: string,
  { headers }: Msg,
  trouble: (side: Pulls, what: string | undefined) => void,
): void {
  const code = headers?.code ?? 0
  if (code === STATUS.heartbeat) return
  side.onTheWay -= side.open.get(number) ?? 0
  side.open.delete(number)
  if (ENDINGS.includes(code)) trouble(side, undefined)
  else
    trouble(
      side,
      code === STATUS.noResponders ? 'the consumer is not there' : (headers?.description ?? 'unknown'),
    )
}

function countDown(side: Pulls, number: string): void {
  const left = side.open.get(number)
  if (left === undefined) return
  side.onTheWay--
  if (left === 1) side.open.delete(number)
  else side.open.set(number, left - 1)
}

function forget(side: Pulls): void {
  side.open.clear()
  side.onTheWay = 0
}
