import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { hasStopped, type Health } from './health.ts'
import {
  ASK_SUBJECT,
  encodeReport,
  hasRoomToWork,
  isClosed,
  STORAGE_SUBJECT,
  type StorageReport,
  type Usage,
} from './report.ts'

/** How to guard the disk of one NATS server. */
export interface GuardOptions {
  readonly connection: NatsConnection
  /** The name of the server in reports. */
  readonly server: string
  readonly measure: () => Promise<Usage>
  /** Undefined when the server does not answer. */
  readonly health: () => Promise<Health | undefined>
  /** Restarts the server; resolves when that has begun. */
  readonly restart: () => Promise<void>
  /** Called with the first report, and whenever new events begin or cease to be refused. */
  readonly onChange: (report: StorageReport) => void
  /** Called with what a step threw; the next one is tried all the same. */
  readonly onFault: (fault: unknown) => void
}

/** A running guard. */
export interface Guard {
  /** Resolves when the step that runs has ended. */
  close(): Promise<void>
}

/** A disk may fill by some hundred MB a second. */
const MEASURE_MS = 500
/** So often a guard reports when nothing changes; see also FORGET_MS of the watch. */
const REPORT_MS = 5_000
/** A report goes to all who listen, so questions are answered together: whoever may ask could ask without an end. */
const ANSWERS_APART_MS = 200
const HEALTH_MS = 2_000
/** A server needs time to start and to recover its streams before it is judged again. */
const RESTART_MS = 30_000

/**
 * Watches the disk of a NATS server. It reports on STORAGE_SUBJECT, so that listeners refuse new events before NATS fails. If
 * the disk was full all the same and JetStream has stopped, it restarts the server when there is room again.
 */
export function startGuard(options: GuardOptions): Guard {
  const { connection, server, measure, health, restart, onChange, onFault } = options
  const closing = new AbortController()
  const { signal } = closing
  let last: StorageReport | undefined
  let reportedAt = -Infinity
  let lookedAt = -Infinity
  let restartedAt = -Infinity

  const report = (now: StorageReport) => {
    reportedAt = performance.now()
    if (!connection.isClosed()) connection.publish(STORAGE_SUBJECT, encodeReport(now))
  }
  const look = async () => {
    const usage = await measure()
    const before = last?.closed
    last = { server, usage, closed: isClosed(usage, before ?? false) }
    if (last.closed !== before || performance.now() - reportedAt >= REPORT_MS) report(last)
    if (last.closed !== before) onChange(last)
    if (hasRoomToWork(usage) && performance.now() - lookedAt >= HEALTH_MS) await revive()
  }
  const revive = async () => {
    lookedAt = performance.now()
    if (lookedAt - restartedAt < RESTART_MS) return
    const answer = await health()
    if (answer === undefined || !hasStopped(answer)) return
    restartedAt = performance.now()
    await restart()
  }
  const guard = async () => {
    while (!signal.aborted) {
      await look().catch(onFault)
      await delay(MEASURE_MS, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
  let answer: NodeJS.Timeout | undefined
  const questions = connection.subscribe(ASK_SUBJECT, {
    callback: () => {
      const waitMs = Math.max(0, reportedAt + ANSWERS_APART_MS - performance.now())
      answer ??= setTimeout(() => {
        answer = undefined
        if (last !== undefined) report(last)
      }, waitMs)
    },
  })
  const guarded = guard()
  return {
    async close() {
      closing.abort()
      questions.unsubscribe()
      clearTimeout(answer)
      await guarded
    },
  }
}
