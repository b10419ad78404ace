import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'

import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, type Registry } from 'prom-client'

import { compileSchemaInUse, type Validate } from '../../schemas/validator.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import { closeNats, connectNats } from '../jetstream/connection.ts'
import { decodeUtf8, parseJson } from '../cloudevents/json.ts'
import type { Log } from '../process/log.ts'
import { serveMetrics } from '../process/metrics-server.ts'
import { runProcess } from '../process/run-process.ts'
import { createRequests, type Requests } from '../jetstream/requests.ts'
import { onShutdown } from '../process/shutdown.ts'
import { watchStorage, type StorageWatch } from '../storage/watch.ts'
import { createApp } from './http/app.ts'
import { bearerAuth } from './http/auth.ts'
import { readConfig, type ListenerConfig } from './config.ts'
import { createMetrics } from './metrics.ts'

/** Less than the 30 s that Knative and Kubernetes give a pod to end. */
const GRACE_MS = 25_000

/** How many connections may wait to be accepted; the kernel has its own limit, by default the same. */
const BACKLOG = 4_096
const IDLE_SWEEP_MS = 20
const LISTEN_FIX = 'is the port taken? Set PORT and METRICS_PORT to free ones'

/** Runs a listener until onShutdown ends the process. Throws if the connection to NATS is closed for good. */
async function main(config: ListenerConfig, log: Log): Promise<void> {
  // Connect first, so that NATS answers while the rest starts.
  const connecting = connect(config)
  connecting.catch(() => undefined) // it is awaited below
  const validate = await loadSchema(config.schemaFile)
  const authorize = config.authFile === undefined ? undefined : bearerAuth(config.authFile, log)
  const nats: { requests?: Requests; storage?: StorageWatch } = {}
  const metrics = createMetrics(config.ref.event, () => nats.storage?.reports() ?? [])
  const stopping = new AbortController()
  const app = createApp({
    ...config,
    validate,
    authorize,
    metrics,
    log,
    stopping: stopping.signal,
    requests: () => nats.requests,
    lowStorage: () => nats.storage?.low(),
  })
  const metricsServer = await listen(app, config, metrics.registry)
  if (config.metricsPort > 0) collectDefaultMetrics({ register: metrics.registry })
  log.info({ port: (app.server.address() as AddressInfo).port }, 'Listening')
  onShutdown(log, GRACE_MS, async () => {
    stopping.abort()
    await closeHttp(app)
    metricsServer?.close()
    nats.requests?.close()
    if (nats.requests !== undefined) await closeNats(nats.requests.connection)
  })
  const connection = await connecting
  nats.storage = watchStorage(connection)
  nats.requests = createRequests(connection)
  log.info('Connected to NATS')
  log.flush() // somebody may wait for this line
  const fault = await connection.closed()
  if (!stopping.signal.aborted) throw new Error('the connection to NATS is closed for good', { cause: fault })
}

async function loadSchema(path: string): Promise<Validate> {
  try {
    return compileSchemaInUse(parseJson(decodeUtf8(await readFile(path))))
  } catch (cause) {
    throw new JobicoError('SCHEMA_INVALID', `JOBICO_SCHEMA: ${path}: ${messageOf(cause)}`, { cause })
  }
}

async function listen(app: FastifyInstance, config: ListenerConfig, registry: Registry) {
  try {
    await app.listen({ host: config.host, port: config.port, backlog: BACKLOG })
    return config.metricsPort === 0 ? undefined : await serveMetrics(registry, config.metricsPort)
  } catch (cause) {
    throw new JobicoError('CONFIG_INVALID', `${messageOf(cause)}; ${LISTEN_FIX}`, { cause })
  }
}

/** Finishes the requests in flight. It closes connections that become idle meanwhile, which Node would keep open. */
async function closeHttp(app: FastifyInstance): Promise<void> {
  const sweep = setInterval(() => app.server.closeIdleConnections(), IDLE_SWEEP_MS)
  await app.close()
  clearInterval(sweep)
}

function connect({ natsUrl, natsCredsFile, ref }: ListenerConfig) {
  const name = `jobico-listener ${ref.namespace}/${ref.job}/${ref.event}`
  return connectNats({ url: natsUrl, credsFile: natsCredsFile, name })
}

runProcess('listener', readConfig, main)
