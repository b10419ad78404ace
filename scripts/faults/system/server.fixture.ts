import { startNatsServer, type NatsServer, type StartOptions } from '../../nats-server/start.ts'

/** How the server is to run. */
export type ServerOptions = Pick<StartOptions, 'wrapper' | 'syncInterval'>

/** A nats-server that is there, and away, as told; always at the same address and with the same streams. */
export interface Server {
  readonly url: string
  /** Ends it at once, as a crash does; resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again; resolves when it listens. */
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
      // The server itself, since whatever wraps it need not heed the signal.
      if (running !== undefined) process.kill(running.pid, 'SIGTERM')
      await running?.ended
    },
  }
}

/**
 * An address of loopback that no other process of the tests has: while a server is away, what looks for it must not find the
 * server of another case, which got its port from the system meanwhile. Linux has all of 127.0.0.0/8 on loopback.
 */
function addressOf(pid: number): string {
  return `127.${64 | ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`
}
