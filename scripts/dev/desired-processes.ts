import { createHash } from 'node:crypto'
import { join } from 'node:path'

import type { QueuePlan } from '../../functions/queues/stream-config.ts'
import type { LocalEvent, LocalJob } from '../job-files/local-job.ts'

/** One event, with its module. */
export interface PreparedEvent extends LocalEvent {
  readonly moduleBytes: Uint8Array
  /** The digest of its bytes. */
  readonly digest: string
  /** Whether the module may hand data to other events of its Job. */
  readonly emits: boolean
}

/** One Job whose events have all passed their checks. */
export interface PreparedJob extends Omit<LocalJob, 'events'> {
  readonly events: readonly PreparedEvent[]
}

/** The processes of an event. */
export type Component = 'listener' | 'runner'

/** One child process. Files are named by their digest, so two children with equal environments also have equal files. */
export interface ChildSpec {
  /** `listener/<event>` or `runner/<event>`. */
  readonly id: string
  readonly component: Component
  readonly event: string
  readonly environment: Readonly<Record<string, string>>
}

/** The queue of a Job, and what moving the events of version 0.1.0 needs to know. */
export interface LocalQueuePlan extends QueuePlan {
  /** The output event of each event that has one. */
  readonly outputs: ReadonlyMap<string, string>
}

/** What `jobico dev` has to run and write for Jobs. */
export interface Desired {
  readonly children: readonly ChildSpec[]
  /** Files to write before the children start, by path. */
  readonly files: ReadonlyMap<string, string | Uint8Array>
  readonly plans: readonly LocalQueuePlan[]
}

/** Settings of the children that do not come from Jobs. */
export interface ChildSettings {
  readonly natsUrl: string
  /** The credentials of each component, as the content of a file. */
  readonly credentials: Readonly<Record<Component, string>>
  /** The folder of the children's files. */
  readonly runDir: string
  readonly logLevel: string
}

/** Plans a file of the children, and returns its path. */
type Place = (content: string | Uint8Array, ending: string) => string

/** The children, files and queues of Jobs. Pure. */
export function desiredOf(jobs: readonly PreparedJob[], settings: ChildSettings): Desired {
  const files = new Map<string, string | Uint8Array>()
  const place: Place = (content, ending) => {
    const path = join(settings.runDir, createHash('sha256').update(content).digest('hex') + ending)
    files.set(path, content)
    return path
  }
  const children = jobs.flatMap((job) =>
    job.events.flatMap((event) => {
      const common = commonEnvironment(job, event, settings)
      return [
        child('listener', event, {
          ...{ ...common, NATS_CREDS_FILE: place(settings.credentials.listener, '.creds') },
          ...listenerEnvironment(event, place),
        }),
        child('runner', event, {
          ...{ ...common, NATS_CREDS_FILE: place(settings.credentials.runner, '.creds') },
          ...runnerEnvironment(job, event, place),
        }),
      ]
    }),
  )
  return { children, files, plans: jobs.map(queuePlan) }
}

function child(component: Component, { name }: LocalEvent, environment: Record<string, string>): ChildSpec {
  return { id: `${component}/${name}`, component, event: name, environment }
}

function commonEnvironment({ namespace, name }: PreparedJob, event: PreparedEvent, settings: ChildSettings) {
  return {
    NATS_URL: settings.natsUrl,
    LOG_LEVEL: settings.logLevel,
    METRICS_PORT: '0',
    JOBICO_NAMESPACE: namespace,
    JOBICO_JOB: name,
    JOBICO_EVENT: event.name,
  }
}

function listenerEnvironment({ schema, authTokens }: PreparedEvent, place: Place) {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    JOBICO_SCHEMA: place(schema.text, '.schema.json'),
    JOBICO_EXPOSE_RESULTS: 'true',
    ...(authTokens === undefined ? {} : { JOBICO_AUTH_FILE: place(authTokens, '.tokens') }),
  }
}

function runnerEnvironment({ queue, events }: PreparedJob, event: PreparedEvent, place: Place) {
  const output = outputSetting(events, event, place)
  const guest = Object.entries(event.env).map(([name, value]) => [`JOBICO_GUEST_${name}`, value])
  return {
    JOBICO_MODULE: place(event.moduleBytes, '.wasm'),
    JOBICO_TIMEOUT_MS: String(event.timeoutMs),
    JOBICO_MEMORY_BYTES: String(event.memoryBytes),
    JOBICO_CONCURRENCY: String(event.runner.concurrency),
    JOBICO_MAX_ATTEMPTS: String(event.retry.maxAttempts),
    JOBICO_MIN_DELAY_MS: String(event.retry.minDelayMs),
    JOBICO_MAX_DELAY_MS: String(event.retry.maxDelayMs),
    JOBICO_DONE_RETENTION_S: String(queue.doneRetentionSeconds),
    JOBICO_DEAD_RETENTION_S: String(queue.deadRetentionSeconds),
    ...(output === undefined ? {} : { JOBICO_OUTPUT: JSON.stringify(output) }),
    ...(output !== undefined && 'sink' in output ? { JOBICO_LOCAL_SINKS: 'true' } : {}),
    ...(event.emits ? { JOBICO_EMIT: JSON.stringify(emitSetting(events, event, place)) } : {}),
    ...(Object.fromEntries(guest) as Record<string, string>),
  }
}

function outputSetting(events: readonly PreparedEvent[], { output }: PreparedEvent, place: Place) {
  if (output === undefined || 'sink' in output) return output
  const next = events.find(({ name }) => name === output.event)
  return next && { event: output.event, schema: place(next.schema.text, '.schema.json') }
}

/** The schemas of the other events, by name. */
function emitSetting(events: readonly PreparedEvent[], event: PreparedEvent, place: Place) {
  const others = events.filter(({ name }) => name !== event.name)
  return Object.fromEntries(others.map(({ name, schema }) => [name, place(schema.text, '.schema.json')]))
}

function queuePlan({ namespace, name, queue, events }: PreparedJob): LocalQueuePlan {
  const { storage, maxBytes, duplicateWindowSeconds } = queue
  return {
    ref: { namespace, job: name },
    queue: { storage, maxBytes, duplicateWindowSeconds, replicas: 1 },
    events: events.map((event) => event.name),
    metadata: {},
    outputs: new Map(events.flatMap(outputEvent)),
  }
}

function outputEvent({ name, output }: PreparedEvent): (readonly [string, string])[] {
  return output === undefined || 'sink' in output ? [] : [[name, output.event]]
}
