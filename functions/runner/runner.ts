import type { NatsConnection } from '@nats-io/transport-node'

import { checkModule } from '../guests/check.ts'
import type { Log } from '../shared/log.ts'
import { streamNames } from '../shared/names.ts'
import { createRequests } from '../shared/requests.ts'
import type { RunnerConfig } from './config.ts'
import { createDesk, type Desk } from './desk.ts'
import { createGate } from './gate.ts'
import { createLedger } from './ledger.ts'
import { live, type Report, type World } from './life.ts'
import { createRunnerMetrics, type RunnerMetrics } from './metrics.ts'
import { readModule } from './module-source.ts'
import { openOutput } from './output.ts'
import { createPool } from './pool.ts'
import { createServerClock } from './server-clock.ts'

/** A runner at work. */
export interface Runner {
  readonly metrics: RunnerMetrics
  /** Pulls no more, finishes what runs, hands the rest back. */
  stop(): Promise<void>
}

/** Room that a stored result leaves in a message for headers of ours. */
const RESERVED_BYTES = 8 * 1024

/**
 * Starts to run an event's messages. Throws MODULE_INVALID, SCHEMA_INVALID or QUEUE_UNAVAILABLE when it can not begin;
 * the caller may try again.
 */
export async function startRunner(
  connection: NatsConnection,
  config: RunnerConfig,
  log: Log,
): Promise<Runner> {
  const { ref, concurrency, retry, timeoutMs } = config
  const { name, bytes } = await readModule(connection, ref.namespace, config.module)
  const module = checkModule(bytes, { name, memoryBytes: config.memoryBytes })
  const output = config.output && (await openOutput(ref, config.output))
  const pool = await createPool({
    module,
    concurrency,
    timeoutMs,
    env: config.guestEnv,
    onLog: ({ level, message, key }) => log[level]({ guest: true, key }, message),
  })
  const requests = createRequests(connection)
  const clock = await createServerClock(requests, streamNames(ref).queue, ref.event)
  const gate = await createGate(requests, ref, (from) => {
    log.warn({ from }, 'What may be pulled has changed')
    desk.gateChanged()
  })
  const aborter = new AbortController()
  const ledger = createLedger({ ...config, requests, clock, gate, signal: aborter.signal })
  const metrics = createRunnerMetrics(() => desk.inHand())
  const world: World = {
    ref,
    ledger,
    retry,
    timeoutMs,
    module: module.digest,
    output,
    maxResultBytes: (connection.info?.max_payload ?? 0) - RESERVED_BYTES,
    now: clock.now,
    enter: (alone) => desk.enter(alone),
    execute: (key, event) => pool.run(key, event),
    settled: (delivery) => desk.settled(delivery),
  }
  const desk: Desk = createDesk({
    requests,
    ref,
    concurrency,
    pool,
    gate,
    log,
    live: (delivery) => live(world, delivery),
    onReport: (report, key) => {
      metrics.report(report)
      logReport(log, report, key)
    },
  })
  return {
    metrics,
    async stop() {
      await desk.close()
      aborter.abort()
      await pool.close()
      for (const part of [clock, gate, requests]) part.close()
    },
  }
}

function logReport(log: Log, report: Report, key: string): void {
  switch (report.kind) {
    case 'done':
      log.info(
        { key, attempts: report.attempts, durationMs: Math.round(report.durationMs * 100) / 100 },
        'Event done',
      )
      break
    case 'retried':
      log.warn({ key, ...report.fault, delayMs: report.delayMs }, 'Event retried')
      break
    case 'dead':
      log.error({ key, ...report.fault, attempts: report.attempts }, 'Event dead')
      break
    case 'known':
      log.info({ key }, 'Event had its verdict')
      break
    case 'handed-back':
      log.info({ key }, 'Event handed back')
  }
}
