import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { compileAssemblyScript } from '../../scripts/assemblyscript.ts'
import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import { connectNats } from '../jetstream/connection.ts'
import { createLog } from '../process/log.ts'
import { eventKey, eventSubjects, type EventRef } from '../queues/names.ts'
import { publish } from '../jetstream/publish.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { createRequests, type Requests } from '../jetstream/requests.ts'
import { eventState, type EventState } from '../outcomes/event-state.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { readConfig } from './config.ts'
import { createRunnerMetrics } from './metrics.ts'
import { startRunner, type Reporting } from './runner.ts'

/** A module that does what the event's data says. */
const GUEST = `
@external("jobico", "reject") declare function reject(reason: string): void
@external("jobico", "retry") declare function retry(afterSeconds: f64, reason: string): void
@external("jobico", "env") declare function env(name: string): string | null
@external("jobico", "emit") declare function emit(event: string, data: string): void
export function handle(event: string): string | null {
  if (event.includes('"do":"reject"')) reject("not today")
  if (event.includes('"do":"retry"')) retry(0.05, "once more")
  if (event.includes('"do":"trap"')) unreachable()
  if (event.includes('"do":"emit"')) { emit("ev2", '{"ok":1}'); emit("ev3", '"three"'); emit("ev2", '{"ok":2}'); return null }
  if (event.includes('"do":"emit and reject"')) { emit("ev2", '{"ok":1}'); reject("not today") }
  if (event.includes('"do":"emit misfit"')) emit("ev2", '[]')
  if (event.includes('"do":"emit unserved"')) emit("ev4", '{}')
  if (event.includes('"do":"emit nowhere"')) emit("ev9", '{}')
  if (event.includes('"do":"emit large"')) emit("ev3", '"' + "x".repeat(1100000) + '"')
  if (event.includes('"do":"ping"')) { emit("ping", '{"do":"ping"}'); return null }
  for (let level = 3; level > 0; level--)
    if (event.includes('"do":"fan ' + level.toString() + '"')) {
      const next = level > 1 ? '{"do":"fan ' + (level - 1).toString() + '"' : '{"do":"null"'
      for (let n = 0; n < (level > 1 ? 4 : 2); n++) emit("ping", next + ',"pad":"' + "x".repeat(1000) + '"}')
      return null
    }
  if (event.includes('"do":"loop"')) { while (true) {} }
  if (event.includes('"do":"null"')) return null
  if (event.includes('"do":"broken"')) return "{"
  if (event.includes('"do":"big"')) return '"' + "x".repeat(1100000) + '"'
  if (event.includes('"do":"slow"')) { let x: u64 = 1; for (let i: u64 = 0; i < 200000000; i++) { x = x * 31 + i }; return x.toString() }
  if (event.includes('"do":"env"')) return '"' + (env("COLOUR") as string) + '"'
  return '{"ok":true}'
}
`

type Environment = Readonly<Record<string, string>>
type Ended = Exclude<EventState, { state: 'unknown' | 'pending' }>

/** A nats-server, a module that does what its events say, and functions that run events through runners. */
export interface Fixture {
  readonly connection: NatsConnection
  readonly port: number
  readonly requests: Requests
  readonly manager: JetStreamManager
  /** Creates the streams of a new Job with these events. */
  newJob(events?: readonly string[]): Promise<EventRef>
  /** Starts a runner in this process; the returned function stops it, as does the end of the test. */
  startHere(
    t: Test,
    ref: EventRef,
    environment?: Environment,
    reporting?: Partial<Reporting>,
  ): Promise<() => Promise<void>>
  /** Starts a runner in a process of its own. */
  spawn(t: Test, ref: EventRef, environment?: Environment): ChildProcess
  /** Stores an event as the listener does, and gives its key. */
  accept(ref: EventRef, event: CloudEvent): Promise<string>
  /** Waits for the event's verdict. */
  ended(ref: EventRef, key: string): Promise<Ended>
  /** How many messages a stream has. */
  messages(stream: string): Promise<number>
}

/** Starts the fixture; it ends with the test. */
export async function startFixture(t: Test): Promise<Fixture> {
  const folder = testFolder(t, { 'guest.ts': GUEST, nats: {} })
  const module = join(folder, 'guest.wasm')
  await compileAssemblyScript({ entry: join(folder, 'guest.ts'), out: module })
  const server = await startNatsServer({ storeDir: join(folder, 'nats') })
  const connection: NatsConnection = await connectNats({ url: server.url, name: 'test' })
  const requests = createRequests(connection)
  const manager = await jetstreamManager(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
    await server.stop()
  })
  let jobs = 0
  const environment = (ref: EventRef, more: Environment): Environment => ({
    NATS_URL: server.url,
    JOBICO_NAMESPACE: ref.namespace,
    JOBICO_JOB: ref.job,
    JOBICO_EVENT: ref.event,
    JOBICO_MODULE: module,
    JOBICO_TIMEOUT_MS: '500',
    JOBICO_MAX_ATTEMPTS: '3',
    JOBICO_MIN_DELAY_MS: '20',
    JOBICO_MAX_DELAY_MS: '50',
    JOBICO_GUEST_COLOUR: 'blue',
    METRICS_PORT: '0',
    LOG_LEVEL: 'silent',
    ...more,
  })
  return {
    connection,
    port: server.port,
    requests,
    manager,
    async newJob(events = ['ev1']) {
      const ref = { namespace: 'test', job: `job-${++jobs}`, event: 'ev1' }
      await ensureQueues(connection, {
        ref,
        queue: { storage: 'File', maxBytes: 64 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
        events,
        metadata: {},
      })
      return ref
    },
    async startHere(t, ref, more = {}, reporting = {}) {
      const runner = await startRunner(connection, readConfig(environment(ref, more)), {
        log: createLog('silent', {}),
        metrics: createRunnerMetrics(() => 0),
        ...reporting,
      })
      let stopped: Promise<void> | undefined
      const stop = () => (stopped ??= runner.stop())
      t.teardown(stop)
      return stop
    },
    spawn(t, ref, more = {}) {
      const env = { ...environment(ref, more), PATH: process.env['PATH'] ?? '' }
      const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], { env, stdio: 'inherit' })
      t.teardown(() => child.kill('SIGKILL'))
      return child
    },
    async accept(ref, event) {
      const key = keyOf(event)
      const headers = eventHeaders(event)
      headers.set('Nats-Msg-Id', `${ref.event}.${key}`)
      const ack = await publish(requests, {
        subject: eventSubjects(ref).queued(key),
        headers,
        payload: event.data ?? '',
      })
      if (!ack.stored) throw new Error(ack.description)
      return key
    },
    async ended(ref, key) {
      for (;;) {
        const state = await eventState(requests, ref, key)
        if (state.state === 'done' || state.state === 'dead') return state
        await delay(10)
      }
    },
    messages: async (stream) => (await manager.streams.info(stream)).state.messages,
  }
}

/** A CloudEvent whose data says what the module does. */
export function newEvent(data: object, id: string = randomUUID()): CloudEvent {
  return {
    attributes: {
      specversion: '1.0',
      id,
      source: '/test',
      type: 'test.made',
      datacontenttype: 'application/json',
      subject: 'émile',
    },
    data: Buffer.from(JSON.stringify(data)),
    trace: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  }
}

/** The key of an event. */
export function keyOf({ attributes }: CloudEvent): string {
  return eventKey(attributes.source, attributes.id)
}

/** Waits until a condition holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}
