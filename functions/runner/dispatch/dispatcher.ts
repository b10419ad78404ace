import { EventEmitter, once } from 'node:events'

import { messageOf } from '../../process/errors.ts'
import type { Log } from '../../process/log.ts'
import type { EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { MAX_PREFETCH } from '../../queues/stream-config.ts'
import { NAK, WORKING, type Delivery, type Source } from './delivery.ts'
import { isPaused, type Room } from './room.ts'
import { createPuller } from './puller.ts'
import type { Report } from '../attempt-report.ts'
import { prefetch } from './prefetch.ts'
import type { Pool } from '../workers/pool.ts'
import { createExecutionSlots } from './execution-slots.ts'

/** What a dispatcher needs. */
export interface DispatcherOptions {
  readonly requests: Requests
  readonly ref: EventRef
  readonly concurrency: number
  readonly pool: Pick<Pool, 'capacity' | 'meanMs'>
  readonly room: Room
  readonly log: Log
  /** Processes a delivery to its end. */
  readonly process: (delivery: Delivery) => Promise<Report>
  readonly onReport: (report: Report, key: string) => void
  /** Makes a consumer anew that does not answer. */
  readonly replaceConsumer: (source: Source) => Promise<void>
}

/**
 * Pulls as many events as can start soon, has each of them processed, and tells JetStream meanwhile that they are in
 * progress.
 */
export interface Dispatcher {
  /** How many events this process has in flight. */
  inFlight(): number
  /** Waits for an execution slot, or for all if `alone`. Gives the function that releases it; undefined when closing. */
  acquireSlot(alone: boolean): Promise<(() => void) | undefined>
  /** Call it when a delivery is acknowledged: its ack wait is not extended any more. */
  settled(delivery: Delivery): void
  /** Pulls no more. Resolves when all deliveries are processed, or given back because their processing was broken off. */
  close(): Promise<void>
}

const WORKING_EVERY_MS = 3_000

/** Makes a dispatcher, which starts to pull. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { requests, ref, concurrency, pool, room, log } = options
  const slots = createExecutionSlots(() => pool.capacity)
  const unacknowledged = new Set<Delivery>()
  const inFlight = new Set<Promise<void>>()
  const changes = new EventEmitter().setMaxListeners(0)
  let closing = false

  const prefetched = () => prefetch(concurrency, pool.meanMs, MAX_PREFETCH)
  const free = () => concurrency + prefetched() - inFlight.size
  const wanted = (source: Source, requestedFromOther: number) => {
    const from = room.mode()
    if (isPaused(from) || free() < 1) return 0
    if (source === 'events') return 1 + Math.floor(prefetched() / 2)
    return from === 'records' ? 0 : Math.max(1, free() - requestedFromOther)
  }
  const nak = ({ ackSubject }: Delivery) => requests.post({ subject: ackSubject, payload: NAK })
  const process = async (delivery: Delivery) => {
    try {
      const report = await options.process(delivery)
      if (report.kind === 'handed-back') nak(delivery)
      options.onReport(report, delivery.key)
    } catch (err) {
      // It is delivered again when its ack wait ends.
      if (!closing) log.error({ key: delivery.key, err }, 'Event could not be settled; it will come again')
      else if (unacknowledged.has(delivery)) nak(delivery)
    } finally {
      unacknowledged.delete(delivery)
    }
  }
  const onDelivery = (delivery: Delivery) => {
    unacknowledged.add(delivery)
    const task = process(delivery).finally(() => {
      inFlight.delete(task)
      puller.refill()
    })
    inFlight.add(task)
  }
  const puller = createPuller({
    requests,
    ref,
    wanted,
    onDelivery,
    onHealthChange: (source, trouble) => {
      if (trouble === undefined) log.info({ source }, 'Consumer is back')
      else log.warn({ source, trouble }, 'Consumer does not answer')
    },
    onLost: (source) => {
      options.replaceConsumer(source).then(
        () => log.warn({ source }, 'Consumer made anew, since it did not answer'),
        (err: unknown) => log.warn({ source, reason: messageOf(err) }, 'Consumer could not be made anew'),
      )
    },
  })
  const heartbeat = setInterval(() => {
    for (const { ackSubject } of unacknowledged) requests.post({ subject: ackSubject, payload: WORKING })
  }, WORKING_EVERY_MS)

  room.onChange(() => {
    changes.emit('change')
    puller.refill()
  })

  return {
    inFlight: () => inFlight.size,
    async acquireSlot(alone) {
      const release = await slots.acquire(alone)
      while (!closing && isPaused(room.mode())) await once(changes, 'change')
      if (!closing) return release
      release()
      return undefined
    },
    settled: (delivery) => void unacknowledged.delete(delivery),
    async close() {
      closing = true
      changes.emit('change')
      await puller.stop()
      await Promise.all(inFlight)
      clearInterval(heartbeat)
    },
  }
}
