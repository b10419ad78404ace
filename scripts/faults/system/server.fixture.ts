import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { startNatsServer, type NatsServer, type StartOptions } from '../../nats-server/start.ts'
import { openNetwork, type Network } from './network.fixture.ts'

/** How to run the servers. */
export interface ServerOptions extends Pick<StartOptions, 'wrapper' | 'syncInterval'> {
  /** The index of the only member that has the wrapper; by default all have it. */
  readonly wrapped?: number
}

/** A nats-server that can be killed and started again, always at the same address and with the same streams. */
export interface Member {
  readonly url: string
  readonly monitoringUrl: () => string
  /** The name that it has in its cluster. */
  readonly name: string
  /** Kills it at once, like a crash. Resolves when it has ended. */
  kill(): Promise<void>
  /** Starts it again. Resolves when it listens. */
  start(): Promise<void>
  /** Shuts it down gracefully. Resolves when it has ended. */
  stop(): Promise<void>
  /** Stops it with SIGSTOP until `resume`: its connections stay open, and nothing is answered. */
  pause(): void
  resume(): void
  /** Deletes all that it has stored. It must not run. */
  loseStore(): Promise<void>
}

/** What Jobico has in the place of NATS: one server, or three in a cluster. */
export interface Server {
  /** The URLs of all members, separated by commas. */
  readonly url: string
  readonly members: readonly [Member, ...Member[]]
  /** Kills all members at once. Resolves when they have ended. */
  kill(): Promise<void>
  /** Starts all members again. Resolves when they listen. */
  start(): Promise<void>
  stop(): Promise<void>
  /** The network of a cluster, whose hosts are the members. Throws a RangeError for one server. */
  network(): Network
}

const CLIENT_PORT = 4222

/** Starts a server on loopback, with its store in a folder. */
export async function openServer(storeDir: string, how: ServerOptions): Promise<Server> {
  const member = await openMember({ storeDir, host: addressOf(process.pid), ...how })
  return serverOf([member], () => {
    throw new RangeError('one server has no network of its own; the case needs three')
  })
}

/** Starts a cluster of three servers in a network of its own, with their stores below a folder. */
export async function openCluster(
  folder: string,
  { wrapper = [], wrapped, ...how }: ServerOptions,
): Promise<Server> {
  const network = await openNetwork(3)
  const hosts = network.hosts.map(({ address }) => address)
  try {
    const [first, ...others] = await Promise.all(
      network.hosts.map(({ address, inside }, index) =>
        openMember({
          storeDir: join(folder, String(index)),
          host: address,
          port: CLIENT_PORT,
          wrapper: [...inside, ...((wrapped ?? index) === index ? wrapper : [])],
          cluster: { serverName: `nats-${index}`, hosts },
          ...how,
        }),
      ),
    )
    if (first === undefined) throw new RangeError('a network without hosts')
    const server = serverOf([first, ...others], () => network)
    return {
      ...server,
      async stop() {
        await server.stop()
        await network.close()
      },
    }
  } catch (fault) {
    await network.close()
    throw fault
  }
}

function serverOf(members: Server['members'], network: Server['network']): Server {
  const all = async (act: (member: Member) => Promise<void>) => {
    await Promise.all(members.map(act))
  }
  return {
    url: members.map(({ url }) => url).join(','),
    members,
    kill: () => all((member) => member.kill()),
    start: () => all((member) => member.start()),
    stop: () => all((member) => member.stop()),
    network,
  }
}

async function openMember(options: StartOptions): Promise<Member> {
  const spec = { ...options, environment: process.env }
  let running: NatsServer | undefined = await startNatsServer(spec)
  const { url, port } = running
  const signal = (name: NodeJS.Signals) => {
    // The signal goes to the server itself, since its wrapper may ignore it.
    if (running !== undefined) process.kill(running.pid, name)
  }
  const ends = async () => {
    const { ended } = running ?? {}
    running = undefined
    await ended
  }
  return {
    url,
    monitoringUrl: () => running?.monitoringUrl ?? '',
    name: options.cluster?.serverName ?? 'nats',
    async kill() {
      signal('SIGKILL')
      await ends()
    },
    async start() {
      running = await startNatsServer({ ...spec, port })
    },
    async stop() {
      signal('SIGCONT')
      signal('SIGTERM')
      await ends()
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    loseStore: () => rm(join(options.storeDir, 'jetstream'), { recursive: true }),
  }
}

/**
 * A loopback address that only this test process uses. While its server is down, another case's server may get the same
 * port; the clients must not connect to that one. Linux has all of 127.0.0.0/8 on loopback.
 */
function addressOf(pid: number): string {
  return `127.${64 | ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`
}
