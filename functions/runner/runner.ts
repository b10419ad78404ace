import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { cut, REASON_CHARS, type Abi, type GuestInput } from '../guests/abi.ts'
import { abiNamed } from '../guests/abi-registry.ts'
import { checkModuleInThread } from '../guests/check/check-in-thread.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { sizeLimit } from '../cloudevents/nats-binding.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import type { Log } from '../process/log.ts'
import { replaceLostConsumer } from '../queues/consumers.ts'
import { streamNames } from '../queues/names.ts'
import { longestAttemptMs } from '../process/attempt-limit.ts'
import { threadHeap } from '../process/runner-memory.ts'
import { createRequests } from '../jetstream/requests.ts'
import type { RunnerConfig } from './config.ts'
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts'
import { createRoom, type PullMode, type Room } from './dispatch/room.ts'
import { createSettlement } from './attempts/settlement.ts'
import { processDelivery, type AttemptContext } from './attempts/attempt.ts'
import type { RunnerMetrics } from './metrics.ts'
import { readModule } from './module-source.ts'
import { openEmits, openOutput } from './outputs/output.ts'
import { createReportLog } from './attempt-report.ts'
import { createPool, type Pool } from './workers/pool.ts'
import type { Execution } from './workers/worker-slot.ts'
import { createServerClock } from './attempts/server-clock.ts'

/** A runner that was started. */
export interface Runner {
  /** How many events it has in flight. */
  inFlight(): number
  /** Pulls no more and finishes what runs. Gives back the rest, and events whose outcome can not be stored within 5 s. */
  stop(): Promise<void>
}

/** What is logged when the pull mode changes. */
const PULLS: Readonly<Record<Exclude<PullMode, 'rolling over'>, string>> = {
  all: 'Events are pulled again',
  records:
    'No new events are pulled, since retries and hand-overs take more bytes than the queue may; those are run first',
  nothing: 'Nothing is pulled, since no outcome can be stored: NATS does not answer, or the streams are gone',
}
const RETRY_MS = 500
const POLL_MS = 20
/** How long a stop waits until what follows from the last executions is stored. */
const STORE_LIMIT_MS = 5_000

/** Where a runner reports what it does. */
export interface Reporting {
  readonly log: Log
  readonly metrics: RunnerMetrics
}

/** Starts a runner once its event's streams exist. Throws MODULE_INVALID, MODULE_UNCHECKED or SCHEMA_INVALID. */
export async function startRunner(
  connection: NatsConnection,
  config: RunnerConfig,
  { log, metrics }: Reporting,
): Promise<Runner> {
  const { ref, concurrency, retry, timeoutMs } = config
  const { name, bytes } = await readModule(connection, ref.namespace, config.module)
  const module = await checkModuleInThread(bytes, { name, memoryBytes: config.memoryBytes, handOver: true })
  const abi = abiNamed(module.abi)
  const output = config.output && (await openOutput(ref, config.output))
  const emits = await openEmits(ref, config.emits)
  const requests = createRequests(connection)
  const [clock, room, pool] = await Promise.all([
    whenAvailable(log, () => createServerClock(requests, streamNames(ref).queue, ref.event)),
    whenAvailable(log, () => createRoom(requests, ref)),
    createPool({
      module,
      concurrency,
      timeoutMs,
      heapBytes: threadHeap(config),
      env: config.guestEnv,
      events: [...emits.keys()],
      onLog: ({ level, message, key }) => log[level]({ guest: true, key }, message),
      onStuck: () => endProcess(log),
    }),
  ])
  logPullModes(log, room)
  const logReport = createReportLog(log)
  const aborter = new AbortController()
  const settlement = createSettlement({ ...config, requests, clock, room, signal: aborter.signal })
  const context: AttemptContext = {
    ref,
    settlement,
    retry,
    timeoutMs,
    attemptLimitMs: longestAttemptMs(timeoutMs, output?.kind === 'sink'),
    module: module.digest,
    output,
    emits,
    maxResultBytes: () => sizeLimit(requests.maxPayload()),
    now: clock.now,
    acquireSlot: (alone) => dispatcher.acquireSlot(alone),
    execute: (key, event) => execute(pool, abi, key, event),
    settled: (delivery) => dispatcher.settled(delivery),
  }
  const dispatcher: Dispatcher = createDispatcher({
    requests,
    ref,
    concurrency,
    pool,
    room,
    log,
    process: (delivery) => processDelivery(context, delivery),
    replaceConsumer: (source) => replaceLostConsumer(connection, ref, source),
    onReport: (report, key) => {
      metrics.report(report)
      logReport(report, key)
    },
  })
  return {
    inFlight: dispatcher.inFlight,
    async stop() {
      const closed = dispatcher.close()
      while (pool.busy > 0) await delay(POLL_MS)
      const timer = setTimeout(() => aborter.abort(), STORE_LIMIT_MS)
      await closed
      clearTimeout(timer)
      await pool.close()
      for (const part of [clock, room, requests]) part.close()
    },
  }
}

function logPullModes(log: Log, room: Room): void {
  let logged: PullMode = 'all'
  const logMode = (mode: PullMode) => {
    // A runner that is quicker than old outcomes are deleted waits many times a second: that is nothing to tell.
    if (mode === 'rolling over' || mode === logged) return
    log[mode === 'all' ? 'info' : 'warn']({ from: mode }, PULLS[mode])
    logged = mode
  }
  room.onChange(logMode)
  logMode(room.mode())
}

/** Runs an event, unless its data is not what the module is given, such as JSON that is not UTF-8. */
async function execute(
  pool: Pool,
  abi: Pick<Abi, 'input'>,
  key: string,
  event: CloudEvent,
): Promise<Execution> {
  let input: GuestInput
  try {
    input = abi.input(event)
  } catch (thrown) {
    const reason = cut(`this version of Jobico can not read the data: ${messageOf(thrown)}`, REASON_CHARS)
    return { outcome: { kind: 'reject', code: 'MESSAGE_UNREADABLE', reason }, durationMs: 0 }
  }
  return await pool.run(key, input)
}

/** Kills the process: an exit would wait for the thread. Events that run on other threads are delivered again. */
function endProcess(log: Log): void {
  log.fatal('A thread did not end after its deadline, so the process is killed; it is to be started again')
  setImmediate(() => process.kill(process.pid, 'SIGKILL'))
}

/** Repeats a step until the streams exist: this process may start before they are created. */
async function whenAvailable<T>(log: Log, step: () => Promise<T>): Promise<T> {
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
