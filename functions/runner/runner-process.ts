import type { NatsConnection } from '@nats-io/transport-node'
import { collectDefaultMetrics } from 'prom-client'

import { closeNats, connectNats } from '../jetstream/connection.ts'
import type { Log } from '../process/log.ts'
import { serveMetrics } from '../process/metrics-server.ts'
import { longestAttemptMs } from '../process/attempt-limit.ts'
import { runProcess } from '../process/run-process.ts'
import { onShutdown } from '../process/shutdown.ts'
import { readConfig, type RunnerConfig } from './config.ts'
import { createRunnerMetrics } from './metrics.ts'
import { startRunner, type Runner } from './runner.ts'

/** Makes this process a runner, configured by `environment`, by default its own. */
export function runRunner(environment?: NodeJS.ProcessEnv): void {
  runProcess('runner', () => readConfig(environment), main)
}

/** Runs until onShutdown ends the process. Throws if the connection to NATS is closed for good. */
async function main(config: RunnerConfig, log: Log): Promise<void> {
  // Connect first, so that NATS answers while the rest starts.
  const connecting = connect(config)
  connecting.catch(() => undefined) // it is awaited below
  const stopping = new AbortController()
  const started: { connection?: NatsConnection; runner?: Runner } = {}
  const hasSink = config.output !== undefined && 'sink' in config.output
  onShutdown(log, longestAttemptMs(config.timeoutMs, hasSink), async () => {
    stopping.abort()
    await started.runner?.stop()
    if (started.connection !== undefined) await closeNats(started.connection)
  })
  const metrics = createRunnerMetrics(() => started.runner?.inFlight() ?? 0)
  const isReady = () => started.runner !== undefined && !stopping.signal.aborted
  if (config.metricsPort > 0) {
    collectDefaultMetrics({ register: metrics.registry }) // measures the delay of the event loop a hundred times a second
    await serveMetrics(metrics.registry, config.metricsPort, isReady)
  }
  const connection = await connecting
  started.connection = connection
  // The runner comes last, because it pulls events: a fault of the start must not cost them an attempt.
  started.runner = await startRunner(connection, config, { log, metrics })
  log.info({ module: config.module }, 'Ready')
  log.flush() // somebody may wait for this line
  const fault = await connection.closed()
  if (!stopping.signal.aborted) throw new Error('the connection to NATS is closed for good', { cause: fault })
}

function connect({ natsUrl, natsCredsFile, ref }: RunnerConfig): Promise<NatsConnection> {
  const name = `jobico-runner ${ref.namespace}/${ref.job}/${ref.event}`
  return connectNats({ url: natsUrl, credsFile: natsCredsFile, name })
}
