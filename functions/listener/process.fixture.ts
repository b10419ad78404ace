import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A line of a listener's log, as far as tests look at it. */
export interface Line {
  readonly msg: string
  readonly level: string
  readonly port?: number
  readonly key?: string
  readonly code?: string
  readonly err?: { message: string }
}

/** A listener in a process of its own. */
export interface ListenerProcess {
  readonly child: ChildProcess
  readonly lines: readonly Line[]
  /** The first log line with a message; waits for it. */
  line(message: string): Promise<Line>
  /** The port at which it listens; waits until it is connected to NATS, too. */
  ready(): Promise<number>
}

/** A test that ends what was started for it. */
export interface Scope {
  teardown(end: () => unknown): unknown
}

const ENTRY = join(import.meta.dirname, 'main.ts')
const LINE_TIMEOUT_MS = 60_000

/** Starts a listener of the event ev1 on a free port of loopback; it ends with the test. */
export function startListener(test: Scope, environment: Readonly<Record<string, string>>): ListenerProcess {
  const child = spawn(process.execPath, [ENTRY], {
    env: {
      PATH: process.env['PATH'],
      JOBICO_NAMESPACE: 'shop',
      JOBICO_JOB: 'orders',
      JOBICO_EVENT: 'ev1',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  test.teardown(() => child.kill('SIGKILL'))
  const lines: Line[] = []
  const reader = createInterface({ input: child.stdout }).on('line', (text) =>
    lines.push(JSON.parse(text) as Line),
  )
  const line = async (message: string): Promise<Line> => {
    for (;;) {
      const found = lines.find(({ msg }) => msg === message)
      if (found !== undefined) return found
      await once(reader, 'line', { signal: AbortSignal.timeout(LINE_TIMEOUT_MS) })
    }
  }
  return {
    child,
    lines,
    line,
    async ready() {
      const { port = 0 } = await line('Listening')
      await line('Connected to NATS')
      return port
    },
  }
}

/** One HTTP answer of a connection. */
export interface RawAnswer {
  readonly status: number
  /** The stable code of a problem document. */
  readonly code: string | undefined
  readonly text: string
}

/** Sends bytes as they are and gives all answers until the connection ends; with `half`, it closes its own side at once. */
export async function talk(
  port: number,
  bytes: string | Uint8Array,
  half = false,
): Promise<readonly RawAnswer[]> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const text = readAll(socket)
  socket.on('error', () => undefined)
  if (half) socket.end(bytes)
  else socket.write(bytes)
  return answersOf(await text)
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.once('end', () => socket.end())
  await once(socket, 'close')
  return text
}

function answersOf(text: string): readonly RawAnswer[] {
  return text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((one) => one !== '')
    .map((one) => ({
      status: Number(one.slice(9, 12)),
      code: /"code":"([A-Z_]+)"/.exec(one)?.[1],
      text: one,
    }))
}
