import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import type { NatsConnection } from '@nats-io/transport-node'

import { connectNats } from '../../../functions/jetstream/connection.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { bundleImage } from '../../bundling/image.ts'
import { ROOT } from '../../bundling/modules.ts'
import { startNatsServer, type NatsServer } from '../../nats-server/start.ts'
import { NAMESPACE, openApiServer, until } from '../../testing/api-server.ts'
import { CRD, jobDefinition, openDefinition } from '../../testing/definitions.ts'
import { makeReady } from './controllers.ts'

/** The namespace that the operator works in. */
const SYSTEM = 'jobico-system'
/** As in knative/install/base. */
const NATS_MEMORY = 'GOMEMLIMIT=920MiB'
const SYNC_INTERVAL = '10s'
/** The heap that Node takes in a pod with the operator's limit of 1Gi. On a machine without a limit it would grow further. */
const HEAP = ['--max-old-space-size=512', '--max-semi-space-size=16']
export const USER = { manager: 'a-user', force: true } as const

/** One of the two processes of an operator, as the installation has two pods. */
export interface OperatorProcess {
  readonly pid: number
  /** The name of its connection to NATS in which `kind` is `operator` or `scaler`. */
  connectionName(kind: 'operator' | 'scaler'): string
  readonly metricsUrl: string
  readonly scalerPort: number
}

/** An installation of Jobico without nodes: what the control plane of a cluster has, and no kubelet. */
export interface Installation {
  readonly kube: Kube
  readonly nats: NatsConnection
  readonly natsUrl: string
  readonly servers: readonly NatsServer[]
  readonly leader: OperatorProcess
  /** The process that does not lead. KEDA asks it, so that what the scaler costs is seen apart. */
  readonly standby: OperatorProcess
  close(): Promise<void>
}

/** What is closed at the end, the last first. */
type Closers = (() => Promise<unknown>)[]

/**
 * Starts an API server, as many nats-servers, controllers that say of each object that it is ready, and two operators from the
 * bundle of the image. Throws an Error where the API server is not built.
 */
export async function openInstallation(
  servers: 1 | 3,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Installation> {
  const closers: Closers = []
  const close = async () => {
    for (const each of closers.reverse()) await each()
  }
  try {
    return { ...(await open(servers, environment, closers)), close }
  } catch (fault) {
    await close()
    throw fault
  }
}

async function open(
  count: 1 | 3,
  environment: Readonly<Record<string, string | undefined>>,
  closers: Closers,
): Promise<Omit<Installation, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'jobico-growth-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const api = await openApiServer()
  closers.push(() => api.close())
  const kube = await api.connect()
  await define(kube)
  const servers = await startServers(count, folder, environment, closers)
  const natsUrl = servers.map(({ url }) => url).join(',')
  const nats = await connectNats({ url: natsUrl, name: 'bench' })
  closers.push(() => nats.close())
  startControllers(kube, closers)
  const app = join(folder, 'app')
  await bundleImage(ROOT, app)
  await promisify(execFile)(process.execPath, [join(app, 'compile.js')])
  const settings = { NATS_URL: natsUrl, KUBECONFIG: api.kubeconfig, JOBICO_QUEUE_REPLICAS: String(count) }
  const operators = await startOperators(app, settings, closers)
  return { kube, nats, natsUrl, servers, ...operators }
}

function startControllers(kube: Kube, closers: Closers): void {
  const stopping = new AbortController()
  const controllers = makeReady(kube, stopping.signal)
  closers.push(async () => {
    stopping.abort()
    await controllers
  })
}

/** Starts two operators; the one that is started first leads. */
async function startOperators(
  app: string,
  settings: Readonly<Record<string, string>>,
  closers: Closers,
): Promise<Pick<Installation, 'leader' | 'standby'>> {
  const leader = await startOperator(app, 'operator-0', settings, 'Caches are synced')
  closers.push(leader.stop)
  const standby = await startOperator(app, 'operator-1', settings, 'Ready')
  closers.push(standby.stop)
  return { leader, standby }
}

async function define(kube: Kube): Promise<void> {
  const kinds = [KINDS.knativeService, KINDS.revision, KINDS.scaledObject]
  for (const definition of [await jobDefinition(), ...kinds.map(openDefinition)])
    await kube.apply(CRD, definition, USER)
  for (const { apiVersion, kind } of [KINDS.job, ...kinds])
    await until(async () => (await kube.findKind(apiVersion, kind)) !== undefined)
  await makeNamespace(kube, SYSTEM)
}

/** Makes a namespace. */
export async function makeNamespace(kube: Kube, name: string): Promise<void> {
  await kube.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, USER)
}

async function startServers(
  count: 1 | 3,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  closers: Closers,
): Promise<readonly NatsServer[]> {
  const hosts = Array.from({ length: count }, (_, index) => `127.0.1.${index + 1}`)
  return await Promise.all(
    hosts.map(async (host, index) => {
      const serverName = `nats-${index}`
      const server = await startNatsServer({
        storeDir: join(folder, serverName),
        environment,
        host,
        syncInterval: SYNC_INTERVAL,
        wrapper: ['env', NATS_MEMORY],
        ...(count === 1 ? {} : { cluster: { serverName, hosts } }),
      })
      closers.push(() => server.stop())
      return server
    }),
  )
}

async function startOperator(
  app: string,
  podName: string,
  settings: Readonly<Record<string, string>>,
  readyMessage: string,
): Promise<OperatorProcess & { stop(): Promise<void> }> {
  const [metricsPort, scalerPort] = [await freePort(), await freePort()]
  const env = {
    ...settings,
    JOBICO_IMAGE: 'jobico:bench',
    POD_NAME: podName,
    POD_NAMESPACE: SYSTEM,
    METRICS_PORT: String(metricsPort),
    SCALER_PORT: String(scalerPort),
  }
  const child = spawn(process.execPath, [...HEAP, join(app, 'operator.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // Its other children watch this process themselves.
  process.once('exit', () => child.kill('SIGKILL'))
  await saysMessage(child, readyMessage)
  return {
    pid: child.pid ?? 0,
    connectionName: (kind) => `jobico-${kind} ${podName}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    scalerPort,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      if (child.exitCode === null) await ended
    },
  }
}

/** Waits until a process logs a message. Throws an Error with its last lines when it ends first. */
async function saysMessage({ stdout }: ChildProcess, message: string): Promise<void> {
  if (stdout === null) throw new Error('the operator has no output')
  const lines: string[] = []
  const said = Promise.withResolvers<boolean>()
  createInterface({ input: stdout })
    .on('line', (line) => {
      if (lines.length < 1_000) lines.push(line)
      if ((JSON.parse(line) as { msg?: string }).msg === message) said.resolve(true)
    })
    .on('close', () => {
      said.resolve(false)
    })
  if (await said.promise) return
  throw new Error(`the operator ended before it said "${message}": ${lines.slice(-3).join('\n')}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
