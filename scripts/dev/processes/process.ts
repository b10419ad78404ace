import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

import type { ChildSpec } from '../desired.ts'
import { parseChildLine, type ChildLine, type Show } from '../output/report.ts'

/** The log lines by which children say that they serve; a listener has told its port in the one before. */
const READY_MESSAGES: readonly string[] = ['Connected to NATS', 'Ready']

/** A process whose output is read, with an IPC channel. */
export type Process = ChildProcessByStdio<null, Readable, Readable>

/** How children are started, and what they say is shown. */
export interface Launching {
  readonly launch: (spec: ChildSpec) => Process
  readonly show: Show
}

/**
 * Starts a program of Node in a process group of its own, so that a terminal's Ctrl-C reaches only this process, and with
 * an IPC channel, by which it notices when this process is gone.
 */
export function startProcess(
  entry: string,
  environment: Readonly<Record<string, string | undefined>>,
): Process {
  return spawn(process.execPath, [entry], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  }) as Process
}

/** One process of a child. */
export interface ChildRun {
  readonly pid: number | undefined
  /** Resolves when it serves, with the port where it has one. Never rejects; see `ended`. */
  readonly ready: Promise<number | undefined>
  /** Resolves when it has ended, with the reason in words. */
  readonly ended: Promise<string>
  /** Tells it to end in good order, and resolves when it has; it is killed after `limitMs`. */
  stop(limitMs: number): Promise<void>
  /** Ends it at once. */
  kill(): void
}

/** Starts a child, and follows what it says until it ends. */
export function runChild(spec: ChildSpec, { launch, show }: Launching): ChildRun {
  const child = launch(spec)
  const ready = Promise.withResolvers<number | undefined>()
  let port: number | undefined
  const fatal = readLog(child.stdout, (line) => {
    port = portOf(line) ?? port
    if (READY_MESSAGES.includes(line.msg)) ready.resolve(port)
    show({ kind: 'line', line: { ...line, component: spec.component, event: spec.event } })
  })
  const errorOutput = readErrors(child.stderr)
  const ended = endOf(child).then((how) => fatal() ?? errorOutput() ?? how)
  return {
    pid: child.pid,
    ready: ready.promise,
    ended,
    async stop(limitMs) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      await ended
      clearTimeout(timer)
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

function portOf({ msg, port }: ChildLine): number | undefined {
  return msg === 'Listening' && typeof port === 'number' ? port : undefined
}

/** Hands on each line that is a log line, and gives the last fatal one's message. */
function readLog(output: Readable, take: (line: ChildLine) => void): () => string | undefined {
  let fatal: string | undefined
  createInterface({ input: output }).on('line', (text) => {
    const line = parseChildLine(text) ?? {
      level: 'warn',
      time: new Date().toISOString(),
      msg: text,
      component: '',
      event: '',
    }
    if (line.level === 'fatal') fatal = fatalWords(line)
    take(line)
  })
  return () => fatal
}

function fatalWords({ msg, err }: ChildLine): string {
  const message = (err as { message?: unknown } | undefined)?.message
  return typeof message !== 'string' || msg.includes(message) ? msg : `${msg}: ${message}`
}

/** Keeps what a child wrote to its error output, and gives the line that says most: the error of a stack trace. */
function readErrors(output: Readable): () => string | undefined {
  let words = ''
  output.setEncoding('utf8').on('data', (chunk: string) => (words = (words + chunk).slice(-4_000)))
  return () => {
    const lines = words.split('\n').filter((line) => line.trim() !== '')
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (fault) => resolve(fault.message))
    child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code ?? 0}` : signal))
  })
}
