import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { abiNamed } from '../guests/abis.ts'
import { checkModuleApart } from '../guests/check/check-apart.ts'
import { sizeLimit } from '../shared/cloudevent-nats.ts'
import { JobicoError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { streamNames } from '../shared/names.ts'
import { longestPassageMs } from '../shared/passage.ts'
import { createRequests } from '../shared/requests.ts'
import type { RunnerConfig } from './config.ts'
import { createDesk, type Desk } from './desk.ts'
import { createGate, type Opening } from './gate.ts'
import { createLedger } from './ledger.ts'
import { live, type Report, type World } from './life.ts'
import type { RunnerMetrics } from './metrics.ts'
import { readModule } from './module-source.ts'
import { openEmits, openOutput } from './output.ts'
import { createPool } from './pool.ts'
import { createServerClock } from './server-clock.ts'

/** A runner at work. */
export interface Runner {
  /** How many events it holds. */
  inHand(): number
  /** Pulls no more, finishes what runs, hands the rest back, and what could not be stored within five seconds too. */
  stop(): Promise<void>
}

/** What a change of what may be pulled means. */
const PULLS: Readonly<Record<Opening, string>> = {
  all: 'Events are pulled again',
  retries: 'Only retries are pulled, since they take more room than the queue may',
  nothing:
    'Nothing is pulled, since no outcome can be stored: either NATS does not answer, or the outcomes are full, for which ' +
    'raise queue.maxBytes, shorten doneRetentionSeconds, or purge dead letters',
}
const RETRY_MS = 500
const POLL_MS = 20
/** How long a stop waits for what follows from the last executions to be stored. */
const STORE_LIMIT_MS = 5_000

/** Where a runner tells what it does. */
export interface Reporting {
  readonly log: Log
  readonly metrics: RunnerMetrics
}

/** Starts to run an event's messages, once its streams are there. Throws MODULE_INVALID, MODULE_UNCHECKED or SCHEMA_INVALID. */
export async function startRunner(
  connection: NatsConnection,
  config: RunnerConfig,
  { log, metrics }: Reporting,
): Promise<Runner> {
  const { ref, concurrency, retry, timeoutMs } = config
  const { name, bytes } = await readModule(connection, ref.namespace, config.module)
  const module = await checkModuleApart(bytes, { name, memoryBytes: config.memoryBytes, handOver: true })
  const abi = abiNamed(module.abi)
  const output = config.output && (await openOutput(ref, config.output))
  const emits = await openEmits(ref, config.emits)
  const requests = createRequests(connection)
  const onOpening = (from: Opening) => {
    log[from === 'all' ? 'info' : 'warn']({ from }, PULLS[from])
    desk.gateChanged()
  }
  const [clock, gate, pool] = await Promise.all([
    patiently(log, () => createServerClock(requests, streamNames(ref).queue, ref.event)),
    patiently(log, () => createGate(requests, ref, onOpening)),
    createPool({
      module,
      concurrency,
      timeoutMs,
      env: config.guestEnv,
      events: [...emits.keys()],
      onLog: ({ level, message, key }) => log[level]({ guest: true, key }, message),
      onStuck: () => endProcess(log),
    }),
  ])
  const aborter = new AbortController()
  const ledger = createLedger({ ...config, requests, clock, gate, signal: aborter.signal })
  const world: World = {
    ref,
    ledger,
    retry,
    timeoutMs,
    passageMs: longestPassageMs(timeoutMs, output?.kind === 'sink'),
    module: module.digest,
    output,
    emits,
    maxResultBytes: () => sizeLimit(requests.maxPayload()),
    now: clock.now,
    enter: (alone) => desk.enter(alone),
    execute: (key, event) => pool.run(key, abi.input(event)),
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
    inHand: desk.inHand,
    async stop() {
      const closed = desk.close()
      while (pool.busy > 0) await delay(POLL_MS)
      const timer = setTimeout(() => aborter.abort(), STORE_LIMIT_MS)
      await closed
      clearTimeout(timer)
      await pool.close()
      for (const part of [clock, gate, requests]) part.close()
    },
  }
}

/** Ends what no exit can end, since that would wait for all threads. What others run here is delivered again. */
function endProcess(log: Log): void {
  log.fatal(
    'A thread goes on after its deadline and can not be ended: the process is killed, to be started again',
  )
  setImmediate(() => process.kill(process.pid, 'SIGKILL'))
}

/** Waits for streams that are not there yet: whoever makes them may be slower than this process. */
async function patiently<T>(log: Log, step: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await step()
    } catch (thrown) {
      if (!(thrown instanceof JobicoError) || thrown.code !== 'QUEUE_UNAVAILABLE') throw thrown
      if (tries === 0) log.warn({ reason: thrown.message }, 'Waiting for the streams')
      await delay(RETRY_MS)
    }
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
    case 'superseded':
      log.info({ key }, 'Event goes on in a later copy')
      break
    case 'handed-back':
      log.info({ key }, 'Event handed back')
  }
}
