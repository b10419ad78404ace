import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { adoptStreams } from '../../functions/identity/adopt-streams.ts'
import type { AccountName } from '../../functions/identity/issue.ts'
import type { InstallationKeys } from '../../functions/identity/keys.ts'
import { serverConfig } from '../../functions/identity/server-config.ts'
import { findNatsServer } from './find.ts'
import { createUseMark, isInUse, removeUseMark } from './store-use.ts'

const START_TIMEOUT_MS = 15_000
const POLL_MS = 10
const ROUTE_PORT = 6222
/** How soon servers of a cluster end a connection on which they do not hear each other; as in knative/install/base. */
const PINGS = 'ping_interval: 5s, ping_max: 2'
/** How long a server may take to end after the process that started it; an idle one takes some milliseconds. */
const EARLIER_END_LIMIT_MS = 15_000

/**
 * A shell script that runs a program and ends it when the shell gets a signal, or when the process at the other end of its
 * standard input has ended for any reason. So no server outlives the process that started it.
 */
export const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- & child=$!
trap 'kill -TERM $child 2>/dev/null' TERM INT HUP
{ cat <&3 >/dev/null; kill -TERM $child 2>/dev/null; } 4>&- &
while kill -0 $child 2>/dev/null; do wait $child; done
`

/**
 * The server counts the `max_bytes` of streams against this, used or not. So it is far above the disk, and what is really
 * used is watched by functions/storage.
 */
const MAX_FILE_STORE = '1PB'

/** How to start a server. */
export interface StartOptions {
  /** The folder of its streams; created when missing. */
  readonly storeDir: string
  /** The address at which it listens; 127.0.0.1 by default. */
  readonly host?: string
  /** Port at that address; a free one by default. */
  readonly port?: number
  /** The environment in which to look for the program; see findNatsServer. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly progress?: (line: string) => void
  /** A command that runs the program, such as one that slows its disk down. */
  readonly wrapper?: readonly string[]
  /** How long acknowledged data may wait until it is synced to disk, such as `10s`; `always` syncs before each answer. */
  readonly syncInterval?: string
  /** How much the streams may reserve in all, such as `64MB`; by default more than any disk has, see MAX_FILE_STORE. */
  readonly maxFileStore?: string
  /** The cluster that the server is in; without it, it stands alone. */
  readonly cluster?: ClusterMember
  /** Whom the server lets in; without it, everybody who reaches it. */
  readonly identities?: ServerIdentities
  /** More lines for its configuration. */
  readonly moreConfiguration?: string
}

/** With these, a server takes connections with credentials only, and each namespace has an account of its own. */
export interface ServerIdentities {
  readonly keys: InstallationKeys
  /** The accounts that it knows at its start, beside those of the installation; more can be added later. */
  readonly accounts: readonly AccountName[]
  /** Gets the streams that the server has stored without identities, by their namespace. */
  readonly accountOf: (namespace: string) => AccountName
}

/** A server's place in a cluster. */
export interface ClusterMember {
  /** The name of this server, which no other of the cluster has. */
  readonly serverName: string
  /** The addresses of all servers of the cluster, each of which listens for the others at port 6222. */
  readonly hosts: readonly string[]
}

/** A running server. */
export interface NatsServer {
  readonly url: string
  readonly port: number
  /** Where its monitoring answers. */
  readonly monitoringUrl: string
  readonly pid: number
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Shuts the server down gracefully. */
  stop(): Promise<void>
}

/**
 * Starts a nats-server with JetStream on loopback; it ends when this process ends. If an earlier one still uses the store,
 * waits for its end, because two servers would damage it. Throws an Error with the server's last errors when it does not
 * start, and one that says so when the earlier one does not end.
 */
export async function startNatsServer(options: StartOptions): Promise<NatsServer> {
  const { storeDir, environment = {}, progress = () => undefined, wrapper = [] } = options
  const program = await findNatsServer({ environment, progress })
  await mkdir(join(storeDir, 'accounts'), { recursive: true, mode: 0o700 })
  await earlierEnded(storeDir, progress)
  await forgetPorts(storeDir)
  const configFile = join(storeDir, 'nats.conf')
  await writeFile(configFile, configuration(options), { mode: 0o600 })
  if (options.identities !== undefined) await adoptStreams(join(storeDir, 'jetstream'), options.identities)
  const command = [...wrapper, program, '-c', configFile]
  const mark = await createUseMark(storeDir)
  const child = spawn('/bin/sh', ['-c', GUARD, 'nats-server', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'ignore', mark],
  }) as ChildProcessByStdio<Writable, null, Readable>
  closeSync(mark) // the shell and the server have it now
  const lastErrors = tail(child)
  const ended = once(child, 'exit').then(() => {
    child.stdin.destroy()
    removeUseMark(storeDir)
  })
  const started = await Promise.race([listening(storeDir), ended])
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  if (started === undefined) {
    await stop()
    throw new Error(
      `nats-server did not start on ${options.port === undefined ? 'a free port' : `port ${options.port}`}: ${lastErrors() || 'it said nothing'}`,
    )
  }
  return {
    ...started,
    ended,
    stop,
  }
}

function configuration(options: StartOptions): string {
  const { storeDir, host = '127.0.0.1', port = -1, syncInterval, cluster, identities } = options
  const { maxFileStore = MAX_FILE_STORE } = options
  const text = (value: string) => JSON.stringify(value)
  const sync = syncInterval === undefined ? '' : `, sync_interval: ${text(syncInterval)}`
  return [
    `host: ${text(host)}`,
    `port: ${port}`,
    `http: ${text(`${host}:-1`)}`,
    `ports_file_dir: ${text(storeDir)}`,
    `jetstream { store_dir: ${text(storeDir)}, max_file_store: ${maxFileStore}${sync} }`,
    ...(cluster === undefined ? [] : clusterConfiguration(host, cluster)),
    ...(identities === undefined ? [] : [identityConfiguration(storeDir, identities)]),
    options.moreConfiguration ?? '',
  ].join('\n')
}

function identityConfiguration(storeDir: string, { keys, accounts }: ServerIdentities): string {
  return serverConfig(keys, join(storeDir, 'accounts'), accounts)
}

/** As in knative/install/base, but with addresses instead of names. */
function clusterConfiguration(host: string, { serverName, hosts }: ClusterMember): string[] {
  const routes = hosts.map((each) => JSON.stringify(`nats-route://${each}:${ROUTE_PORT}`))
  const listen = JSON.stringify(`${host}:${ROUTE_PORT}`)
  return [
    `server_name: ${JSON.stringify(serverName)}`,
    `cluster { name: jobico, listen: ${listen}, no_advertise: true, ${PINGS}, routes: [${routes.join(', ')}] }`,
  ]
}

/** The server writes a file with its ports, named after its program file and its pid. */
const PORTS_FILE = /_(\d+)\.ports$/

async function earlierEnded(storeDir: string, progress: (line: string) => void): Promise<void> {
  if (!isInUse(storeDir)) return
  progress('waiting for the end of the nats-server that was started here before')
  const deadline = performance.now() + EARLIER_END_LIMIT_MS
  while (isInUse(storeDir)) {
    if (performance.now() > deadline) throw new Error(await stillInUse(storeDir))
    await delay(POLL_MS)
  }
}

async function stillInUse(storeDir: string): Promise<string> {
  const pids = (await readdir(storeDir)).flatMap((name) => PORTS_FILE.exec(name)?.[1] ?? [])
  const which = pids.length === 1 ? ` (process ${pids[0]})` : ''
  return `the nats-server${which} that was started before still uses ${storeDir}; end it, and start again`
}

async function forgetPorts(storeDir: string): Promise<void> {
  const stale = (await readdir(storeDir)).filter((name) => PORTS_FILE.test(name))
  await Promise.all(stale.map((name) => rm(join(storeDir, name), { force: true })))
}

/** Waits for the file with the server's ports. */
async function listening(storeDir: string): Promise<(Addresses & Pick<NatsServer, 'pid'>) | undefined> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const name = (await readdir(storeDir)).find((file) => PORTS_FILE.test(file))
    const ports = name === undefined ? undefined : await readPorts(join(storeDir, name))
    if (ports !== undefined) return { ...ports, pid: Number(PORTS_FILE.exec(name ?? '')?.[1]) }
    await delay(POLL_MS)
  }
  return undefined
}

type Addresses = Pick<NatsServer, 'url' | 'port' | 'monitoringUrl'>

async function readPorts(file: string): Promise<Addresses | undefined> {
  try {
    const { nats, monitoring } = JSON.parse(await readFile(file, 'utf8')) as Record<
      string,
      string[] | undefined
    >
    const [url] = nats ?? []
    const [monitoringUrl] = monitoring ?? []
    if (url === undefined || monitoringUrl === undefined) return undefined
    return { url, port: Number(new URL(url).port), monitoringUrl }
  } catch {
    return undefined
  }
}

function tail({ stderr }: { readonly stderr: Readable }): () => string {
  let text = ''
  stderr.setEncoding('utf8').on('data', (chunk: string) => (text = (text + chunk).slice(-2_000)))
  return () =>
    text
      .trim()
      .split('\n')
      .filter((line) => /FTL|ERR|error/i.test(line))
      .slice(-2)
      .join(' ')
}
