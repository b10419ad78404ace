import { startNatsServer, type NatsServer, type StartOptions } from '../../nats-server/start.ts'

/** How to run the server. */
export type ServerOptions = Pick<StartOptions, 'wrapper' | 'syncInterval'>

/** A nats-server that can be killed and started again, always at the same address and with the same streams. */
export interface Server {
  readonly url: string
  readonly monitoringUrl: () => string
  /** Kills it at once, like a crash. Resolves when it has ended. */
  kill(): Promise<void>
  /** Starts it again. Resolves when it listens. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Starts a server in a folder. */
export async function openServer(storeDir: string, how: ServerOptions): Promise<Server> {
  const options = { storeDir, host: addressOf(process.pid), environment: process.env, ...how }
  let running: NatsServer | undefined = await startNatsServer(options)
  const { url, port } = running
  return {
    url,
    monitoringUrl: () => running?.monitoringUrl ?? '',
    async kill() {
      const { pid, ended } = running ?? {}
      running = undefined
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await ended
    },
    async start() {
      running = await startNatsServer({ ...options, port })
    },
    async stop() {
      // The signal goes to the server itself, since its wrapper may ignore it.
      if (running !== undefined) process.kill(running.pid, 'SIGTERM')
      await running?.ended
    },
  }
}

/**
 * A loopback address that only this test process uses. While its server is down, another case's server may get the same
 * port; the clients must not connect to that one. Linux has all of 127.0.0.0/8 on loopback.
 */
function addressOf(pid: number): string {
  return `127.${64 | ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`
}
