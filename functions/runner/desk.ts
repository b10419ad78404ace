import { EventEmitter, once } from 'node:events'

import { messageOf } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { EventRef } from '../shared/names.ts'
import type { Requests } from '../shared/requests.ts'
import { MAX_PREFETCH } from '../shared/streams.ts'
import { NAK, TERM, WORKING, type Delivery, type Source } from './delivery.ts'
import type { Gate } from './gate.ts'
import { createIntake } from './intake.ts'
import type { Report } from './life.ts'
import { prefetch } from './policy.ts'
import type { Pool } from './pool.ts'
import { createSlots } from './slots.ts'

/** What a desk stands on. */
export interface DeskOptions {
  readonly requests: Requests
  readonly ref: EventRef
  readonly concurrency: number
  readonly pool: Pick<Pool, 'capacity' | 'meanMs'>
  readonly gate: Gate
  readonly log: Log
  /** Takes a delivery to its end. */
  readonly live: (delivery: Delivery) => Promise<Report>
  readonly onReport: (report: Report, key: string) => void
}

/** Where the events lie that this process holds: it pulls as many as can start soon, and keeps JetStream informed of them. */
export interface Desk {
  /** How many events are held. */
  inHand(): number
  /** Waits for the right to execute, alone where asked, and gives what ends it; undefined when the desk is closing. */
  enter(alone: boolean): Promise<(() => void) | undefined>
  /** The delivery is acknowledged. */
  settled(delivery: Delivery): void
  /** What may be pulled has changed. */
  gateChanged(): void
  /** Pulls no more; resolves when all that was held is at its end, or given back since that was broken off. */
  close(): Promise<void>
}

const WORKING_EVERY_MS = 10_000

/** Opens a desk, which begins to pull. */
export function createDesk(options: DeskOptions): Desk {
  const { requests, ref, concurrency, pool, gate, log } = options
  const slots = createSlots(() => pool.capacity)
  const held = new Set<Delivery>()
  const underWay = new Set<Promise<void>>()
  const changes = new EventEmitter().setMaxListeners(0)
  let closing = false

  const ahead = () => prefetch(concurrency, pool.meanMs, MAX_PREFETCH)
  const free = () => concurrency + ahead() - underWay.size
  const wanted = (source: Source, onTheWayFromOther: number) => {
    const from = gate.current()
    if (from === 'nothing' || free() < 1) return 0
    if (source === 'retry') return 1 + Math.floor(ahead() / 2)
    return from === 'retries' ? 0 : Math.max(1, free() - onTheWayFromOther)
  }
  const handBack = ({ ackSubject }: Delivery) => requests.post({ subject: ackSubject, payload: NAK })
  const take = async (delivery: Delivery) => {
    try {
      const report = await options.live(delivery)
      if (report.kind === 'handed-back') handBack(delivery)
      options.onReport(report, delivery.key)
    } catch (err) {
      if (!closing) giveUp(options, delivery, err)
      else if (held.has(delivery)) handBack(delivery)
    } finally {
      held.delete(delivery)
    }
  }
  const onDelivery = (delivery: Delivery) => {
    held.add(delivery)
    const task = take(delivery).finally(() => {
      underWay.delete(task)
      intake.refill()
    })
    underWay.add(task)
  }
  const intake = createIntake({
    requests,
    ref,
    wanted,
    onDelivery,
    onTrouble: (source, trouble) => {
      if (trouble === undefined) log.info({ source }, 'Consumer is back')
      else log.warn({ source, trouble }, 'Consumer does not answer')
    },
  })
  const heartbeat = setInterval(() => {
    for (const { ackSubject } of held) requests.post({ subject: ackSubject, payload: WORKING })
  }, WORKING_EVERY_MS)

  return {
    inHand: () => underWay.size,
    async enter(alone) {
      const leave = await slots.enter(alone)
      while (!closing && gate.current() === 'nothing') await once(changes, 'change')
      if (!closing) return leave
      leave()
      return undefined
    },
    settled: (delivery) => void held.delete(delivery),
    gateChanged() {
      changes.emit('change')
      intake.refill()
    },
    async close() {
      closing = true
      changes.emit('change')
      await intake.stop()
      await Promise.all(underWay)
      clearInterval(heartbeat)
    },
  }
}

/** A message that is no event is taken out of the queue; anything else comes again when JetStream hears no more of it. */
function giveUp({ requests, log }: DeskOptions, delivery: Delivery, err: unknown): void {
  const { key, ackSubject } = delivery
  if (err instanceof Error && 'code' in err && err.code === 'EVENT_INVALID') {
    log.error(
      { key, reason: messageOf(err) },
      'Message dropped: it is no CloudEvent, so no listener has accepted it',
    )
    requests.post({ subject: ackSubject, payload: TERM })
    return
  }
  log.error({ key, err }, 'Event could not be settled; it will come again')
}
