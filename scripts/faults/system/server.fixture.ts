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
  const options = { storeDir, environment: process.env, ...how }
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
