import { setTimeout as delay } from 'node:timers/promises'

import { messageOf } from '../../../functions/process/errors.ts'
import { startNatsServer, type StartOptions } from '../../nats-server/start.ts'
import { restartDelayMs } from './backoff.ts'
import type { Show } from '../output/report.ts'

/** Options of one start, and of the restarts. */
export interface KeepOptions extends StartOptions {
  readonly show: Show
  /** Called after each restart, on the same port. */
  readonly onRestart: (pid: number) => Promise<void>
}

/** A nats-server that is restarted whenever it ends. */
export interface KeptNats {
  readonly url: string
  readonly pid: () => number
  readonly monitoringUrl: () => string
  /** Ends it gracefully; it is started again as whenever it ends. */
  restart(): Promise<void>
  /** Ends it gracefully, with no restart. */
  stop(): Promise<void>
}

/** Starts a nats-server and keeps it running on its port. Throws what startNatsServer throws at the first start. */
export async function keepNats({ show, onRestart, ...options }: KeepOptions): Promise<KeptNats> {
  let server = await startNatsServer(options)
  const stopping = new AbortController()
  const { url, port } = server

  const keep = async () => {
    let startedAt = performance.now()
    let delayMs: number | undefined
    for (;;) {
      await server.ended
      if (stopping.signal.aborted) return
      delayMs = restartDelayMs(delayMs, performance.now() - startedAt)
      show({ kind: 'note', level: 'warn', text: `nats-server ended; starting it again in ${delayMs} ms` })
      await delay(delayMs, undefined, { signal: stopping.signal })
      startedAt = performance.now()
      await startAgain()
    }
  }
  const startAgain = async () => {
    try {
      server = await startNatsServer({ ...options, port })
      if (stopping.signal.aborted) await server.stop()
      else await onRestart(server.pid)
    } catch (fault) {
      show({ kind: 'note', level: 'error', text: messageOf(fault) })
    }
  }
  const kept = keep().catch(() => undefined)
  return {
    url,
    pid: () => server.pid,
    monitoringUrl: () => server.monitoringUrl,
    restart: () => server.stop(),
    async stop() {
      stopping.abort()
      await server.stop()
      await kept
    },
  }
}
