import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { jetstreamManager } from '@nats-io/jetstream'
import type { Test } from 'tap'

import { closeNats, connectNats } from '../../../functions/jetstream/connection.ts'
import type { EventRef, JobRef } from '../../../functions/queues/names.ts'
import { createRequests } from '../../../functions/jetstream/requests.ts'
import type { QueuePlan, QueueSettings } from '../../../functions/queues/stream-config.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { keepVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import type { ChildSpec, Component } from '../../dev/desired-processes.ts'
import { keepQueues, makeQueues } from '../../dev/processes/keep-queues.ts'
import type { ChildLine } from '../../dev/output/report.ts'
import type { Store } from '../ledger/stream-contents.ts'
import type { Target } from '../ledger/sender.ts'
import { faultsConfig } from '../config.ts'
import { openChild, type Child, type LineHandler } from './child.fixture.ts'
import { startProxy, type Proxy } from './proxy.fixture.ts'
import { openCluster, openServer, type Server, type ServerOptions } from './server.fixture.ts'

type Environment = Readonly<Record<string, string>>

/** The processes and settings of one event of the system. */
export interface EventSetup {
  readonly name: string
  readonly listeners?: number
  readonly runners?: number
  /** The event to which results are handed over, if any. */
  readonly output?: string
  /** The events to which the module may emit. */
  readonly emits?: readonly string[]
  /** More variables, or other values, for the environment of the listeners and of the runners. */
  readonly listener?: Environment
  readonly runner?: Environment
}

/** How to set up a system. */
export interface SystemOptions {
  readonly server?: ServerOptions
  /** How many nats-servers to start; by default as many as the run is for. */
  readonly servers?: number
  /** A server that another system has, too; without it, one is started for this system alone. */
  readonly on?: Server
  /** The name of the Job; only systems on one server need different ones. */
  readonly job?: string
  readonly events?: readonly EventSetup[]
  readonly queue?: Partial<QueueSettings>
  /** Whether to keep a copy of each verdict; true by default. */
  readonly keepsVerdicts?: boolean
  /** The processes whose messages go through the proxy. */
  readonly proxied?: { readonly component: Component; readonly event: string }
}

/** A Job that runs on real processes of this machine. They are restarted when they end, as Kubernetes does. */
export interface System {
  readonly server: Server
  readonly store: Store
  /** The proxy for the messages of `proxied`. */
  readonly proxy: Proxy
  ref(event?: string): EventRef
  /** The processes of an event, at least one. */
  children(component: Component, event?: string): readonly [Child, ...Child[]]
  /** The address of a listener of an event; each call takes the next listener in turn. */
  target(event?: string): Target | undefined
  /** How often the module began with each key, by the runners' logs. */
  readonly executions: ReadonlyMap<string, number>
  /** Calls `handle` for each log line from now on. */
  onLine(handle: LineHandler): void
  /** Notes that are not log lines, such as how processes ended. */
  readonly notes: readonly string[]
}

const ONE_EVENT: readonly EventSetup[] = [{ name: 'ev1' }]
const QUEUE: Omit<QueueSettings, 'replicas'> = {
  storage: 'File',
  maxBytes: 64 * 2 ** 20,
  duplicateWindowSeconds: 120,
}
const START_LIMIT_MS = 30_000
const SCHEMA = 'schema.json'
const JOB = { namespace: 'faults', job: 'ledger' }

/** Starts a system that ends with the test. Resolves when all its processes serve. */
export async function startSystem(t: Test, options: SystemOptions = {}): Promise<System> {
  const { events = ONE_EVENT, queue = {}, keepsVerdicts = true } = options
  const folder = testFolder(t)
  const server = options.on ?? (await openServers(t, join(folder, 'nats'), options))
  const job = { ...JOB, ...(options.job === undefined ? {} : { job: options.job }) }
  const replicas = server.members.length
  const plan: QueuePlan = {
    ref: job,
    queue: { ...QUEUE, replicas, ...queue },
    events: events.map(({ name }) => name),
    metadata: {},
  }
  // A cluster takes a second or two to elect its leader.
  await eventually(
    'the queues are made',
    async () => {
      await makeQueues({ url: server.url }, [plan])
      return true
    },
    { withinMs: START_LIMIT_MS },
  )
  t.teardown(keepQueues({ url: server.url }, () => [plan]))
  const store = await openStore(t, server.url)
  if (keepsVerdicts) await keepVerdicts(store.manager, job, replicas)
  const proxy = await startProxy(server.members[0].url)
  t.teardown(() => proxy.close())
  const natsUrlOf: Place['natsUrlOf'] = (component, event) =>
    options.proxied?.component === component && options.proxied.event === event ? proxy.url : server.url
  const { children, ...running } = await startChildren(t, { events, folder, job, natsUrlOf })

  let turn = 0
  const of = (component: Component, event = 'ev1') => {
    const [first, ...others] = children.filter(
      ({ spec }) => spec.component === component && spec.event === event,
    )
    if (first === undefined) throw new RangeError(`the event ${event} has no ${component}`)
    return [first, ...others] as const
  }
  return {
    server,
    store,
    proxy,
    ...running,
    ref: (event = 'ev1') => ({ ...job, event }),
    children: of,
    target(event = 'ev1') {
      const ports = of('listener', event).flatMap((child) => child.port() ?? [])
      const port = ports[turn++ % Math.max(1, ports.length)]
      return port === undefined ? undefined : { host: '127.0.0.1', port, path: `/listener/${event}` }
    },
  }
}

/** Starts the servers of a system; they end with the test. */
async function openServers(
  t: Test,
  folder: string,
  { server: how = {}, servers = faultsConfig().servers }: SystemOptions,
): Promise<Server> {
  const open = servers === 1 ? openServer : openCluster
  const server = await open(folder, how)
  t.teardown(() => server.stop())
  return server
}

async function openStore(t: Test, url: string): Promise<Store> {
  const connection = await connectNats({ url, name: 'faults' })
  const requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await closeNats(connection)
  })
  return { requests, manager: await jetstreamManager(connection) }
}

interface Place {
  readonly events: readonly EventSetup[]
  readonly folder: string
  readonly job: JobRef
  readonly natsUrlOf: (component: Component, event: string) => string
}

async function startChildren(t: Test, place: Place) {
  const notes: string[] = []
  const executions = new Map<string, number>()
  const handlers: LineHandler[] = []
  await writeFile(join(place.folder, SCHEMA), '{"type":"object"}')
  const onLine: LineHandler = (line, event) => {
    if (isBegin(line)) executions.set(line.key, (executions.get(line.key) ?? 0) + 1)
    for (const each of handlers) each(line, event)
  }
  const specs = place.events.flatMap((event) => specsOf(event, place))
  const children = specs.map((spec) => openChild(spec, { notes, onLine }))
  t.teardown(() => Promise.all(children.map((child) => child.stop())))
  await Promise.all(children.map((child) => child.serves()))
  return { children, notes, executions, onLine: (each: LineHandler) => void handlers.push(each) }
}

/** Whether this is the line that the module logs when it begins; see assembly/guest.ts. */
function isBegin(line: ChildLine): line is ChildLine & { readonly key: string } {
  return line['guest'] === true && line.msg === 'begin' && typeof line['key'] === 'string'
}

function specsOf(event: EventSetup, { folder, job, natsUrlOf }: Place): ChildSpec[] {
  const { name, output, emits, listeners = 1, runners = 1, listener = {}, runner = {} } = event
  const schema = join(folder, SCHEMA)
  const common = {
    LOG_LEVEL: 'info',
    METRICS_PORT: '0',
    JOBICO_NAMESPACE: job.namespace,
    JOBICO_JOB: job.job,
    JOBICO_EVENT: name,
  }
  const forListener = {
    ...common,
    NATS_URL: natsUrlOf('listener', name),
    HOST: '127.0.0.1',
    PORT: '0',
    JOBICO_SCHEMA: schema,
    JOBICO_EXPOSE_RESULTS: 'true',
    ...listener,
  }
  const forRunner = {
    ...common,
    NATS_URL: natsUrlOf('runner', name),
    JOBICO_MODULE: faultsConfig().module,
    JOBICO_TIMEOUT_MS: '2000',
    JOBICO_MAX_ATTEMPTS: '3',
    JOBICO_MIN_DELAY_MS: '100',
    JOBICO_MAX_DELAY_MS: '500',
    ...(output === undefined ? {} : { JOBICO_OUTPUT: JSON.stringify({ event: output, schema }) }),
    ...(emits === undefined
      ? {}
      : { JOBICO_EMIT: JSON.stringify(Object.fromEntries(emits.map((event) => [event, schema]))) }),
    ...runner,
  }
  return [
    ...replicas('listener', name, listeners, forListener),
    ...replicas('runner', name, runners, forRunner),
  ]
}

function replicas(component: Component, event: string, count: number, environment: Environment): ChildSpec[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${component}/${event}/${index}`,
    component,
    event,
    environment,
  }))
}
