import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError, messageOf } from '../shared/errors.ts'
import { connectNats } from '../shared/jetstream.ts'
import { createLog, type Log } from '../shared/log.ts'
import { serveMetrics } from '../shared/metrics.ts'
import { onShutdown } from '../shared/shutdown.ts'
import { runnerConfig, type RunnerConfig } from './config.ts'
import { startRunner, type Runner } from './runner.ts'

/** How much longer than one execution a stop may take. */
const STOP_MARGIN_MS = 10_000
const RETRY_MS = 500

async function main(): Promise<void> {
  const config = runnerConfig()
  const { namespace, job, event } = config.ref
  const log = createLog(config.logLevel, { component: 'runner', namespace, job, event })
  let connection: NatsConnection | undefined
  let runner: Runner | undefined
  onShutdown(log, config.timeoutMs + STOP_MARGIN_MS, async () => {
    await runner?.stop()
    await connection?.close()
  })
  try {
    connection = await connectNats({
      url: config.natsUrl,
      credsFile: config.natsCredsFile,
      name: `runner ${event}`,
    })
    runner = await start(connection, config, log)
    if (config.metricsPort > 0) await serveMetrics(runner.metrics.registry, config.metricsPort)
    log.info({ module: config.module }, 'Ready')
  } catch (err) {
    log.fatal({ err }, `The runner could not start: ${messageOf(err)}`)
    log.flush(() => process.exit(1))
  }
}

/** Streams that are not there yet are waited for: whoever makes them may be slower than this process. */
async function start(connection: NatsConnection, config: RunnerConfig, log: Log): Promise<Runner> {
  for (let tries = 0; ; tries++) {
    try {
      return await startRunner(connection, config, log)
    } catch (thrown) {
      if (!(thrown instanceof JobicoError) || thrown.code !== 'QUEUE_UNAVAILABLE') throw thrown
      if (tries === 0) log.warn({ reason: thrown.message }, 'Waiting for the streams')
      await delay(RETRY_MS)
    }
  }
}

await main()
