import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { findNatsServer } from './find.ts'

const START_TIMEOUT_MS = 15_000
const POLL_MS = 10

/**
 * Runs a program until it ends, until this shell is told to end, or until the process that holds the other end of its
 * standard input is gone, however that died: so no server outlives whoever started it.
 */
export const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- & child=$!
trap 'kill -TERM $child 2>/dev/null' TERM INT HUP
{ cat <&3 >/dev/null; kill -TERM $child 2>/dev/null; } &
while kill -0 $child 2>/dev/null; do wait $child; done
`

/** How to start a server. */
export interface StartOptions {
  /** The folder of its streams; made when missing. */
  readonly storeDir: string
  /** An address of loopback; 127.0.0.1 by default. */
  readonly host?: string
  /** Port at that address; a free one by default. */
  readonly port?: number
  /** The environment in which to look for the program; see findNatsServer. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly progress?: (line: string) => void
  /** A command that starts the program, such as one that slows its disk down. */
  readonly wrapper?: readonly string[]
  /** How long what is acknowledged may wait until it is forced to disk, such as `10s`; `always` for not at all. */
  readonly syncInterval?: string
  /** The most that all streams may take on disk, such as `64MB`; three quarters of what is free by default. */
  readonly maxFileStore?: string
}

/** A server that runs. */
export interface NatsServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Ends the server in good order. */
  stop(): Promise<void>
}

/**
 * Starts a nats-server with JetStream on loopback, which ends with this process. Throws an Error with the server's last
 * words when it does not come up.
 */
export async function startNatsServer(options: StartOptions): Promise<NatsServer> {
  const { storeDir, environment = {}, progress = () => undefined, wrapper = [] } = options
  const program = await findNatsServer({ environment, progress })
  await mkdir(storeDir, { recursive: true })
  await forgetPorts(storeDir)
  const configFile = join(storeDir, 'nats.conf')
  await writeFile(configFile, configuration(options))
  const command = [...wrapper, program, '-c', configFile]
  const child = spawn('/bin/sh', ['-c', GUARD, 'nats-server', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const lastWords = tail(child)
  const ended = once(child, 'exit').then(() => {
    child.stdin.destroy()
  })
  const started = await Promise.race([listening(storeDir), ended])
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  if (started === undefined) {
    await stop()
    throw new Error(
      `nats-server did not start on ${options.port === undefined ? 'a free port' : `port ${options.port}`}: ${lastWords() || 'it said nothing'}`,
    )
  }
  return {
    ...started,
    ended,
    stop,
  }
}

function configuration(options: StartOptions): string {
  const { storeDir, host = '127.0.0.1', port = -1, syncInterval, maxFileStore } = options
  const text = (value: string) => JSON.stringify(value)
  const sync = syncInterval === undefined ? '' : `, sync_interval: ${text(syncInterval)}`
  const most = maxFileStore === undefined ? '' : `, max_file_store: ${maxFileStore}`
  return [
    `host: ${text(host)}`,
    `port: ${port}`,
    `ports_file_dir: ${text(storeDir)}`,
    `jetstream { store_dir: ${text(storeDir)}${sync}${most} }`,
    '',
  ].join('\n')
}

/** The server names it after its own program file and its pid. */
const PORTS_FILE = /_(\d+)\.ports$/

async function forgetPorts(storeDir: string): Promise<void> {
  const stale = (await readdir(storeDir)).filter((name) => PORTS_FILE.test(name))
  await Promise.all(stale.map((name) => rm(join(storeDir, name), { force: true })))
}

/** Waits for the file in which the server tells its port. */
async function listening(storeDir: string): Promise<Pick<NatsServer, 'url' | 'port' | 'pid'> | undefined> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const name = (await readdir(storeDir)).find((file) => PORTS_FILE.test(file))
    const ports = name === undefined ? undefined : await readPorts(join(storeDir, name))
    if (ports !== undefined) return { ...ports, pid: Number(PORTS_FILE.exec(name ?? '')?.[1]) }
    await delay(POLL_MS)
  }
  return undefined
}

async function readPorts(file: string): Promise<Pick<NatsServer, 'url' | 'port'> | undefined> {
  try {
    const { nats } = JSON.parse(await readFile(file, 'utf8')) as { nats?: string[] }
    const url = nats?.[0]
    return url === undefined ? undefined : { url, port: Number(new URL(url).port) }
  } catch {
    return undefined
  }
}

function tail(child: ChildProcess): () => string {
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (words = (words + chunk).slice(-2_000)))
  return () =>
    words
      .trim()
      .split('\n')
      .filter((line) => /FTL|ERR|error/i.test(line))
      .slice(-2)
      .join(' ')
}
